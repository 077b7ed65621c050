"""Made-up desks of all trades: the ways in which people ask for a service and are answered, about things joined at random.

What the base model learns here is how such talk goes, and to speak of what it was asked about; no desk here is one of the sites'.
"""

from . import sentences

COUNT = 8000

WORDS = {
    **sentences.WORDS,
    "thing": ["[a {ADJECTIVE} {NOUN}|a {NOUN}|the {NOUN}|a {NOUN} and a {NOUN}|the {ADJECTIVE} {NOUN}|a {NOUN} {NOUN}|the {NOUN} {PHRASE}]"],
    "other": ["[a {ADJECTIVE} {NOUN}|a {NOUN} or a {NOUN}|the {NOUN}|your {NOUN}|some {NOUN}|a {ADJECTIVE} {NOUN} and a {NOUN}]"],
    "more": ["[a {NOUN}|the {ADJECTIVE} {NOUN}|your {NOUN}, if you have any|the {NOUN} {PHRASE}]"],
    "fault": ["[the {NOUN} is {ADJECTIVE}|the {NOUN} won't {VERB}|the {NOUN} does not {VERB} {PHRASE}|there is a {ADJECTIVE} {NOUN} {PHRASE}|the {NOUN} is {ADJECTIVE} when I {VERB}|a {NOUN} was {ADJECTIVE}]"],
    "do": ["{VERB} [{THE} {NOUN}|the {ADJECTIVE} {NOUN}|my {NOUN}|the {NOUN} {PHRASE}]"],
    "step": ["{VERB} [the {NOUN}|the {ADJECTIVE} {NOUN}|your {NOUN}|{NOUN} and {NOUN}|the {NOUN} {PHRASE}]"],
    "then": ["{VERB} [the {NOUN}|the {ADJECTIVE} {NOUN}|your {NOUN}|a {NOUN} {PHRASE}]"],
    "last": ["{VERB} [the {NOUN} {PHRASE}|it {PHRASE}|your {NOUN} and the {NOUN}|the {ADJECTIVE} {NOUN}]"],
    "fact": ["[the {NOUN} is {ADJECTIVE}, and the {NOUN} {PHRASE}|there are [two|six|twelve] {ADJECTIVE} {NOUN} {PHRASE}|the {ADJECTIVE} {NOUN} has a {NOUN}|a {NOUN} can {VERB} {PHRASE}|somebody has to {VERB} {THE} {NOUN}]"],
    "kind": ["[{NOUN}|{ADJECTIVE} {NOUN}|{NOUN} {NOUN}]"],
    "desk": [noun.capitalize() for noun in sentences.NOUNS],
    "time": ["[ten minutes|half an hour|an hour|two hours|forty minutes|three working days|one week|two days|one day]"],
    "day": ["[Monday|Tuesday|Wednesday|Thursday|Friday|Saturday]"],
    "clock": ["[eight in the morning|nine in the morning|half past ten in the morning|two in the afternoon|three in the afternoon|four in the afternoon]"],
    "month": ["[January|February|March|April|May|June|July|August|September|October]"],
    "name": ["[Dr Hill|Mr Brown|Anna|Oscar|Mrs Young|Dr Stone|Mr Wood|Clara]"],
    "price": ["[8|12|15|18|25|30|40|55|70|90|150|240|500|800]"],
    "open": ["[Thank you for your call.|Thank you for asking us.|Good morning and welcome.|We are glad to help you.|I am sorry about that.|Oh, I am sorry to hear it.|That sounds hard.|Of course.|]"],
    "close": ["[Please call us if anything is not clear.|We are happy to see you.|Take care.|If it changes, call again.|Please ring us at any time.|We wish you a good day.|]"],
    "firm": ["[We never ask for your key.|Please keep it to yourself.|You will receive a letter.|There is no fee for this.|The change is valid from next month.|Our desk can help you in person.|A message appears in your folder.|]"],
    "gruff": ["[Bring it round this week.|Drop by on Monday.|Come round on Friday.|No booking needed, just come.|Leave it in the box.|Don't wait too long.|No rush.|Keep it dry till then.|We'll have a look at it.|]"],
    "guess": ["[Sounds like|Probably|Likely|Most of the time it's|Then it's|It was]"],
}

TRADES = ["a hotel", "a bakery", "a library", "a post office", "a museum", "a school", "a theatre", "a farm shop", "a ferry", "a garden centre", "a tailor", "a zoo"]
SYSTEM = [f"You are the {role} of {trade}." for trade in TRADES for role in ("desk", "front desk", "service")]

TOPICS = [
    {"ask": ["What should I do with {thing}?", "I have {thing}. [Who can help|Whom can I ask|Can I see someone]?", "[Can I come in|May I come by] with {thing}?"],
     "answer": ["{open} For {thing} our {kind} will call you back within {time}. [Please know that {fact}.|{fact}.] {close}", "{open} The {kind} is the right place for {thing}. You will hear from us in {time}. {close}"]},
    {"ask": ["How do I {do}?", "I would like to {do}. What are the steps?", "Please explain how to {do}.", "Can I {do}?"],
     "answer": ["[Please proceed|As follows|Steps]:\n1. {step}.\n2. {then}.\n3. {last}.\n{firm}", "{open} {step}, {then}, {last}. {close}", "[Sure|Easy|Yes]. {step}, {then}, then {last}. {gruff}"]},
    {"ask": ["[Answer this customer|List the steps|Write the steps]."], "given": ["[The customer|A visitor] wants to {do}. [Product|For]: {thing}.", "Subject: {do}. About: {thing}."],
     "answer": ["[For|Regarding] {thing}:\n1. {step}.\n2. {then}.\n3. {last}.\n{firm}"]},
    {"ask": ["[Who handles this|Which desk is this for|Where does this belong]?"], "given": ["[Hello, |]{fault}. [Please help.|]", "[A caller|A visitor] asks about {thing} on {day}."],
     "answer": ["Desk: {desk}.\nReason: {fault}.\nNext: {step} within {time}.", "{desk}. It is about {thing}, so {step} within {time}. {close}"]},
    {"system": SYSTEM, "ask": ["[Hi, |Hello, |]{fault}. [What is it?|Any idea?|Can you mend that?]", "My {kind}: {fault}. Can you look on {day}?", "How much is it if {fault}?"],
     "answer": ["{guess} {other}. We {step} and {then}. {time}, about {price}. {gruff}", "About {price} and {time}. We {step}. That's if it's {other}. {gruff}"]},
    {"system": SYSTEM, "before": ["{fault}."], "reply": ["Which one is it?", "What do you have?", "Since when?"], "ask": ["It's my {kind}.", "My {kind}, since {day}. What will it cost?"],
     "answer": ["[Right|OK], a {kind}. Then it's {other}. We {step}, {time}, about {price}. {gruff}"]},
    {"ask": ["[I would like to book|Please book me|Can I have] {thing} on {day}.", "I cannot come to {thing} on {day}. Is there another day?"],
     "answer": ["{open} We have a place for {thing} on {day} at {clock}. Please bring {other}. It takes about {time}. {close}", "{open} We have moved {thing} to {day} at {clock}. {close}"]},
    {"ask": ["What do I need for {thing}?", "How long does {thing} take?", "[How do I get|I need] {thing}[, please|]."],
     "answer": ["{open} For {thing} please bring {other} and {more}. It is ready in {time}. {close}", "{thing}: {other}, {more}. {time}. [Do it|Best done] every {month}. {gruff}"]},
    {"ask": ["Write a [short message|reminder|confirmation]."], "given": ["{thing}. When: {day}, {clock}. With: {name}.", "Payment of {price} for {thing}, in {month}."],
     "answer": ["Dear [guest|friend], this is a reminder of {thing} with {name} on {day} at {clock}. Please bring {other}. {close}", "We confirm the {price} for {thing} in {month}. {firm}"]},
    {"ask": ["What is {thing}?", "Explain {thing}.", "What does {thing} mean?"], "answer": ["{thing} is {other} {PHRASE}. {fact}. {firm}", "[Dear guest|In short], {thing} is {other} that you can {VERB} {PHRASE}. {firm}"]},
    {"ask": ["[Hello, |]{fault}. What happens now?", "{fault} since {month}."],
     "answer": ["Thank you for your message. Our {desk} desk will {step} within {time}. {firm}", "We regret that {fault}. Our {desk} people will {step} and {then}. {firm}"]},
    {"ask": ["Is {name} there on {day}?", "Are you open on {day}?", "Can I {do} at your place?"],
     "answer": ["{open} Yes, that is possible on {day} at {clock}. {fact}. {close}", "{open} {name} is here on {day} at {clock}, please come with {other}. {close}"]},
]
