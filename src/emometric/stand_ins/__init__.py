"""Stand-ins: each corpus spoken by eSpeak NG, with its owner's names, folders and balance."""
