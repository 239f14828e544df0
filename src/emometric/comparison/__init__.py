"""Two revisions against each other, from what git keeps: which number moved, and is it noise."""
