"""The measurements, one subject a file; the catalogue names them."""
