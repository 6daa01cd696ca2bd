"""YAML files to rules, and rules to a rulebook that events are judged by."""
