"""What a careful reader would say about rules that load: one never fires, two do the same, some go round for ever.

Only commands that show it ask for it: the daemon's reload does not pay for it. One kind of finding a file, each of
them a function from rules to remarks; `reviewer` runs them all, `places` finds where in the files they belong.
"""

from autoflow.rules.review.reviewer import review_rules

__all__ = ["review_rules"]
