"""Notes that ``kgp demo --full`` reads facts out of, as somebody might have written them down."""

NOTES = {
    "balkans.txt": (
        "Kosovo borders Serbia. Kosovo borders Albania. The capital of Kosovo is Pristina.\n"
        "Montenegro borders Kosovo, too.\n"
    ),
    "caucasus.txt": (
        "Georgia borders Armenia. The capital of Georgia is Tbilisi. "
        "People in Georgia speak Georgian.\n"
        "Azerbaijan borders Georgia.\n"
    ),
    "rumours.txt": (
        "Poland borders Freedonia. The capital of Freedonia is Fredville.\n"
        "Switzerland borders Italy.\n"
    ),
    "letter.txt": (
        "Dear friend, Kosovo borders Serbia, as you will have seen on the map, and Kosovo borders "
        "Albania.\n"
        "The capital of Kosovo is Pristina.\n"
    ),
}
"""Text by file name. Some of it the graph has, some two notes say, some is not true at all."""

QUESTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "capital": (("HAS_CAPITAL",), ("what is the capital of {} ?", "{} has which capital ?")),
    "border": (("BORDERS",), ("which countries border {} ?", "who are the neighbours of {} ?")),
    "language": (("SPEAKS",), ("which language is spoken in {} ?", "what do people speak in {} ?")),
    "money": (
        ("USES_CURRENCY",),
        ("which currency does {} use ?", "what do you pay with in {} ?"),
    ),
    "money of neighbours": (
        ("BORDERS", "USES_CURRENCY"),
        ("which currencies do the neighbours of {} use ?",),
    ),
    "script": (("SPEAKS", "WRITTEN_IN"), ("how do people in {} write ?",)),
}
"""Paths from a country, and the words in which they are asked."""
