"""The controlled world as an instrument: what it shows, how hard it is, and how its data sets differ."""
