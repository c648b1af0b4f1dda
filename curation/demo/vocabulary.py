"""The words of the demo corpus: people, firms, towns, goods, colours. All invented; nobody is meant."""

from __future__ import annotations

from random import Random

FIRST_NAMES = (
    *("Ada", "Amir", "Bianca", "Carlos", "Chen", "Dana", "Elif", "Emma", "Farid", "Grace", "Hana", "Igor", "Ines"),
    *("Jonas", "Kofi", "Lena", "Lucas", "Maya", "Milan", "Nadia", "Nora", "Omar", "Paula", "Priya", "Rosa", "Samuel"),
    *("Sofia", "Tariq", "Tom", "Uma", "Vera", "Wei", "Yara", "Zoe"),
)
LAST_NAMES = (
    *("Abara", "Bergman", "Castel", "Dorn", "Eriksen", "Fontana", "Garner", "Hollis", "Imai", "Jansen", "Keller"),
    *("Lindqvist", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Ramos", "Santos", "Tanaka", "Ullman", "Varga"),
    *("Winter", "Yilmaz", "Zeman"),
)
FIRMS = (
    *("Alder Paper Works", "Brightwater Tools", "Cobalt Office Supply", "Dune Garden Centre", "Elmwood Furniture"),
    *("Fernhill Dairy", "Granite Print House", "Harbour Lamps", "Ivy Lane Books", "Juniper Textiles", "Kite Bicycles"),
    *("Lantern Electric", "Meadow Seeds", "Northgate Glass", "Orchard Kitchenware"),
)
TOWNS = (
    *("Ashford", "Birchley", "Claymouth", "Dunwick", "Eastmere", "Foxton", "Glenbrook", "Hartwell", "Inverley"),
    *("Kingsbay", "Longport", "Millbridge", "Norwold", "Oakham", "Penrose", "Ravensby", "Stonefield", "Thornbury"),
)
STREETS = ("Canal Street", "Church Road", "High Street", "Lime Avenue", "Market Square", "Mill Lane", "Station Road")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Goods with a usual price in euros.
GOODS = {
    "desk lamps": 24,
    "office chairs": 89,
    "notebooks": 3,
    "steel shelves": 64,
    "wall clocks": 18,
    "garden hoses": 21,
    "paint brushes": 4,
    "tool boxes": 35,
    "water jugs": 9,
    "bicycle bells": 6,
    "seed trays": 2,
    "picture frames": 12,
    "cotton towels": 8,
    "glass bowls": 7,
    "folding tables": 47,
    "extension cords": 11,
}
COLOURS = {
    "red": (206, 42, 46),
    "blue": (38, 84, 196),
    "green": (40, 140, 66),
    "yellow": (238, 198, 32),
    "purple": (124, 60, 158),
    "orange": (236, 124, 28),
    "black": (28, 28, 30),
    "pink": (238, 140, 176),
}
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def person(dice: Random) -> str:
    """Return a first and a last name."""
    return f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}"


def date(dice: Random, *, year: int | None = None) -> str:
    """Return a date such as `12 March 2023`."""
    return f"{dice.randint(1, 28)} {dice.choice(MONTHS)} {year or dice.randint(2016, 2024)}"


def plural(noun: str) -> str:
    """Return the plural of a regular noun.

    >>> plural("star"), plural("cross")
    ('stars', 'crosses')
    """
    return noun + ("es" if noun.endswith("s") else "s")


def a(noun: str) -> str:
    """Put the indefinite article before a noun.

    >>> a("orange star"), a("blue star")
    ('an orange star', 'a blue star')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(number: int, noun: str) -> str:
    """Return a number up to ten in words with its noun.

    >>> counted(1, "red circle"), counted(3, "star")
    ('one red circle', 'three stars')
    """
    return f"{NUMBER_WORDS[number]} {noun if number == 1 else plural(noun)}"


def listed(words: list[str]) -> str:
    """Join words as English does.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
