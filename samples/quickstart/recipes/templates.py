"""Records from templates: slots, alternatives, and a source of randomness that gives the same numbers everywhere."""

import re

SLOT = re.compile(r"\{(\w+)\}")
CHOICE = re.compile(r"\[([^\[\]]*)\]")


class Random:
    """SplitMix64: small, and the same on every version of Python."""

    MASK = (1 << 64) - 1

    def __init__(self, seed):
        self.state = seed & self.MASK

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & self.MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & self.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & self.MASK
        return z ^ (z >> 31)

    def below(self, count):
        return (self.bits() * count) >> 64

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


def fill(text, slots, words, random):
    """Takes one of each [this|that] and fills the {slots}: from the record's own first, otherwise from the word lists.

    A word that is drawn is put into slots, so that it is the same in a record's question and its answer. Only {CAPITALS} are drawn
    afresh each time.
    """

    def value(match):
        name = match.group(1)
        if name.isupper():
            return fill(random.pick(words[name]), slots, words, random)
        if name not in slots:
            slots[name] = fill(random.pick(words[name]), slots, words, random)
        return slots[name]

    while CHOICE.search(text):
        text = CHOICE.sub(lambda match: random.pick(match.group(1).split("|")), text)
    return SLOT.sub(value, text)


def expand(text, slots, words, random):
    """A filled text with single spaces, 'an' where it belongs, and capitals at the start of sentences that begin with a slot."""
    text = fill(text, slots, words, random)
    text = re.sub(r" {2,}", " ", text)
    text = re.sub(r" ?\n ?", "\n", text).strip()
    text = re.sub(r"\b([Aa]) (?=[aeiou]|hour|honest)(?!one|us|uni)", r"\1n ", text)
    return re.sub(r"(^|[.!?]\s)([a-z])", lambda match: match.group(1) + match.group(2).upper(), text)


def draw(topic, words, random):
    """One record of a topic: its parts by name ('ask', 'given', 'answer', ...), each a text."""
    slots = dict(random.pick(topic.get("rows", [{}])))
    mine = {**words, **topic.get("words", {})}
    parts = {}
    for name in ("system", "before", "reply", "ask", "given", "answer"):
        if name in topic:
            parts[name] = expand(random.pick(topic[name]), slots, mine, random)
    return parts


def plain(text):
    """What two texts have in common that differ only in case, spaces and signs."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


class Recorder:
    """Collects records, and takes none whose prompt or whose answer it has had before, in whatever file."""

    def __init__(self):
        self.prompts = set()
        self.answers = set()

    def collect(self, topics, words, random, count, tries_max=60):
        """Goes round the topics in turn until there are enough records; a topic that has nothing new drops out."""
        records = []
        left = list(topics)
        while left and len(records) < count:
            for topic in list(left):
                for _ in range(tries_max):
                    parts = draw(topic, words, random)
                    prompt = plain(" ".join(parts[name] for name in parts if name not in ("system", "answer")))
                    answer = plain(parts["answer"])
                    if prompt not in self.prompts and answer not in self.answers:
                        self.prompts.add(prompt)
                        self.answers.add(answer)
                        records.append(parts)
                        break
                else:
                    left.remove(topic)
                if len(records) == count:
                    break
        if len(records) < count:
            raise SystemExit(f"only {len(records)} of {count} different records can be made from these templates")
        random.shuffle(records)
        return records
