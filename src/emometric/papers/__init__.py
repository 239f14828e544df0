"""What the papers print, and the tables and figures of ours in their form."""
