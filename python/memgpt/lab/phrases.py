"""The words of made-up conversations: what can be told, changed and asked, and what is chatter.

A subject's templates: {name} is whom it is about, {value} what is told of them, {weekday} and {n}
are there for colour. Some facts have no name or number in them, and some chatter has: a policy that
only looks for those must not look perfect.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ANSWERS", "CHATTER", "EVENTS", "NAMES", "PREFIXES", "SUBJECTS", "Subject"]


@dataclass(frozen=True)
class Subject:
    """Something of which there is one answer at a time."""

    told: tuple[str, ...]
    changed: tuple[str, ...]  # says that it is new
    claimed: tuple[str, ...]  # says something else as if it had always been so
    asked: tuple[str, ...]
    values: tuple[str, ...]
    compared: str = ""  # asks of {name} and {other} at once; empty where it is the user's alone


NAMES = (
    "Marta", "Tobias", "Ines", "Joris", "Leila", "Anselm", "Priya", "Oskar", "Yuki", "Beatriz",
    "Hamid", "Solveig", "Dario", "Nkechi", "Casper", "Ludmila", "Rafael", "Wanda", "Emeka", "Thea",
)  # fmt: skip

_TOWNS = ("Turin", "Porto", "Gdansk", "Lucca", "Bergen", "Ghent", "Tartu", "Split", "Cork", "Graz")
_JOBS = (
    "beekeeper", "tram driver", "glassblower", "midwife", "piano tuner", "surveyor", "baker",
    "court reporter", "stonemason", "vet",
)  # fmt: skip
_FOODS = ("coriander", "walnuts", "aubergine", "shellfish", "celery", "goat cheese", "liquorice")
_CODES = ("4417", "9021", "3358", "7706", "1294", "6683", "5140", "8872")
_PETS = ("a tortoise", "two canaries", "a greyhound", "a one-eyed cat", "three ducks", "a ferret")
_HOBBIES = ("fencing", "bookbinding", "rowing", "birdwatching", "the accordion", "woodcarving")
_TRAINS = ("6:12", "7:05", "7:40", "8:18", "8:55", "9:26")
_DOCTORS = ("Dr. Keller", "Dr. Osei", "Dr. Varga", "Dr. Lindqvist", "Dr. Amaral", "Dr. Nowak")

SUBJECTS: dict[str, Subject] = {
    "town": Subject(
        (
            "{name} has lived in {value} for {n} years.",
            "By the way, {name} found a flat in {value}.",
        ),
        ("{name} has moved again, to {value} this time.", "It is {value} now where {name} lives."),
        ("You know, {name} in {value} called me on {weekday}. Such a nice place to live.",),
        ("Where does {name} live?", "In which town is {name} at home?"),
        _TOWNS,
        "Do {name} and {other} live in the same town?",
    ),
    "job": Subject(
        ("{name} works as a {value}.", "Did I say that {name} earns a living as a {value}?"),
        ("{name} gave that job up and is a {value} now.", "{name} started anew as a {value}."),
        ("{name} was tired again after work; being a {value} is hard.",),
        ("What is {name}'s job?", "What does {name} do for a living?"),
        _JOBS,
        "Which jobs do {name} and {other} have?",
    ),
    "pet": Subject(
        ("{name} keeps {value}.", "At {name}'s I was greeted by {value}."),
        ("There is nobody left at {name}'s but {value}, since {weekday}.",),
        ("I fed the animals for {name}: {value}, nothing else.",),
        ("Which animals does {name} have?", "What pets does {name} keep?"),
        _PETS,
        "Whose pets are larger, those of {name} or of {other}?",
    ),
    "hobby": Subject(
        ("{name} spends every free evening on {value}.", "It was {name} who took up {value}."),
        ("{name} dropped the old hobby for {value}.", "For {name} it is all {value} now."),
        ("{name} has no time on {weekday}s because of {value}, as ever.",),
        ("What is {name}'s hobby?", "What does {name} do in the evenings?"),
        _HOBBIES,
        "Do {name} and {other} have the same hobby?",
    ),
    "code": Subject(
        ("Please remember that the code of the boiler is {value}.", "The boiler's code: {value}."),
        ("They changed the boiler's code, it is {value} from today.",),
        ("As I told you, the boiler wants {value} as its code.",),
        ("What is the code of the boiler?",),
        _CODES,
    ),
    "food": Subject(
        ("I can't stand {value}, it makes me ill.", "i must not eat {value}, ever"),
        ("The test says it is not that at all: it is {value} that i must leave alone.",),
        ("nothing with {value} for me please, that is the one thing i do not eat",),
        ("What must I not eat?", "Which food makes me ill?"),
        _FOODS,
    ),
    "train": Subject(
        ("My train leaves at {value} every morning.", "I take the {value} to work."),
        ("New timetable: I have to catch the {value} now.",),
        ("I ran for the {value} again, my usual train.",),
        ("When does my train leave?", "Which train do I take to work?"),
        _TRAINS,
    ),
    "doctor": Subject(
        ("My doctor is {value}, round the corner.", "I finally registered with {value}."),
        ("My doctor retired; I see {value} from now on.",),
        ("{value} has been my doctor for {n} years, I must have said so.",),
        ("Who is my doctor?", "Which doctor do I go to?"),
        _DOCTORS,
    ),
}

# Happened once: told, asked.
EVENTS = (
    ("On {weekday} {name} and I rowed across the lake.", "When did I row across the lake?"),
    ("{name} got married in the old town hall on the {n}th.", "On which day did {name} marry?"),
    ("we lost the keys on the ferry, the week before the fair", "Where did we lose the keys?"),
    ("I sold the green van to {name} for {value} euros.", "Who bought the green van?"),
    ("{name} broke an arm on the stairs at the opera.", "How did {name} break an arm?"),
    ("my grandmother taught me to whistle with two fingers", "Who taught me to whistle?"),
    ("I won the {n}th prize in the pumpkin contest.", "What did I win with the pumpkin?"),
    ("{name} lent me {value} euros for the roof.", "How much money did I borrow for the roof?"),
    ("the allotment behind the station is ours at last", "Which allotment did we get?"),
    ("{name} was on the radio on {weekday}, about owls.", "What did {name} say on the radio?"),
)  # fmt: skip

CHATTER = (
    "How was your day? Mine went by before I knew it.",
    "It rained on {weekday}, and the whole street smelled of wet leaves. I do like that.",
    "I have been thinking about nothing much. Could you tell me something cheerful?",
    "Yesterday I watched the {n}th episode of that series about Venice. Not its best.",
    "What should I cook tonight? Something quick, please, and not too much washing up.",
    "{name} sends greetings and asks whether machines ever get bored.",
    "Oh well. That is how it goes, isn't it? Let us talk about something else.",
    "The neighbours are drilling again, since eight in the morning. I cannot hear myself think.",
    "I read {n} pages of the new novel on the tram and then missed my stop, of course.",
    "Ha, good one!",
    "ok, thanks",
    "Do you think it will be warm on {weekday}? I would like to sit outside with {name}.",
    "I tidied the drawer with the cables. There were {n} of them, and I know what two are for.",
    "Someone told me that owls cannot move their eyes, which is why they turn their heads so far.",
    "Can we go through my list once more? Milk, bread, stamps, and the thing for the thing.",
    "The {weekday} market was so full that I turned around and came home with one lemon.",
    "Never mind what I said before, I was only tired and a bit out of sorts.",
    "I wonder why the days seem shorter when there is more to do in them. Do you?",
    "There was a long article about trains in the paper, and a short one about {name}'s street.",
    "Tell me, what would you do with a free afternoon in {town}?",
)

ANSWERS = (
    "That sounds like a good plan. Tell me how it goes, I would like to hear about it.",
    "I see. Is there something that I can do for you today?",
    "Noted.",
    "How lovely! What happened then?",
    "Some people say that a short walk helps. You could also leave it for tomorrow and rest a bit.",
    "I have no strong opinion on that, but I am glad that you asked me.",
    "Of course. I keep it in mind for the next time that we talk about it.",
    "In that case I would start with the easy part, and see how far that takes you before dinner.",
    "Thank you for telling me.",
    "That must have been quite a day. Do you want to talk about it, or about something else?",
)  # fmt: skip

# Before something that is told, so that facts do not all begin alike.
PREFIXES = ("", "", "", "So. ", "Before I forget: ", "Guess what. ", "Speaking of which, ", "Hm, ")
