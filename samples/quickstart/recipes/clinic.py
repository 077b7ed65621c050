"""The front desk of a clinic: warm whole sentences about appointments, papers and whom to call. No medical advice."""

COUNT = 320

WORDS = {
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
    "part": ["morning", "afternoon"],
    "hour": ["eight", "half past eight", "nine", "half past nine", "ten", "eleven", "two", "half past two", "three", "four"],
    "clock": ["half past eight in the morning", "nine in the morning", "ten in the morning", "eleven in the morning", "two in the afternoon", "three in the afternoon", "four in the afternoon"],
    "doctor": ["Dr Marsh", "Dr Okoro", "Dr Lind", "Dr Patel", "Dr Rossi"],
    "who": ["my mother", "my son", "my daughter", "my husband", "my wife", "my father", "me"],
    "hello": ["Thank you for calling.", "Thank you for asking.", "Thank you for getting in touch.", "Good morning and thank you.", "Of course, we are glad to help."],
    "sorry": ["I am sorry to hear that.", "I am sorry you feel unwell.", "Oh dear, I am sorry.", "That sounds uncomfortable."],
    "soon": ["If it gets worse, please call us again at once.", "Please call again at any time if you are worried.", "If anything changes, please ring us straight away."],
    "bye": ["We look forward to seeing you.", "Take care until then.", "We are happy to help.", "Please ring the desk if anything is unclear.", "We wish you well."],
}

NURSE = [
    {"ill": "a fever", "first": "how high it is and since when", "when": "within two hours"},
    {"ill": "a sore throat", "first": "whether you can swallow well", "when": "before noon"},
    {"ill": "a bad cough", "first": "how long you have had it", "when": "this afternoon"},
    {"ill": "an earache", "first": "which ear it is", "when": "within two hours"},
    {"ill": "a skin rash", "first": "where it began", "when": "this afternoon"},
    {"ill": "a headache that keeps coming back", "first": "how often it comes", "when": "before the end of the day"},
    {"ill": "an upset stomach", "first": "whether you can keep water down", "when": "within an hour"},
    {"ill": "back pain", "first": "whether you had a fall", "when": "before the end of the day"},
    {"ill": "a twisted ankle", "first": "whether you can stand on it", "when": "within an hour"},
    {"ill": "an insect bite that itches", "first": "when you were bitten", "when": "this afternoon"},
    {"ill": "red and itchy eyes", "first": "whether one eye or both are sore", "when": "before noon"},
    {"ill": "a dizzy spell", "first": "what you were doing when it began", "when": "within an hour"},
    {"ill": "poor sleep", "first": "how many weeks it has lasted", "when": "tomorrow morning"},
]

URGENT = [
    {"sign": "strong chest pain"}, {"sign": "trouble breathing"}, {"sign": "a cut that will not stop bleeding"},
    {"sign": "sudden weakness in one arm"}, {"sign": "a face that hangs on one side"}, {"sign": "a bad burn"},
    {"sign": "a swollen tongue after a bee sting"}, {"sign": "a fit that does not stop"},
]

VISIT = [
    {"visit": "a blood test", "bring": "your insurance card and a bottle of water", "long": "ten minutes", "room": "room two"},
    {"visit": "a yearly check-up", "bring": "a list of the medicines you take", "long": "half an hour", "room": "room five"},
    {"visit": "an eye test", "bring": "your glasses, if you wear any", "long": "twenty minutes", "room": "room seven"},
    {"visit": "a flu vaccination", "bring": "your vaccination booklet", "long": "ten minutes", "room": "room one"},
    {"visit": "a hearing test", "bring": "your referral letter", "long": "forty minutes", "room": "room eight"},
    {"visit": "a change of dressing", "bring": "the note from the hospital", "long": "a quarter of an hour", "room": "room three"},
    {"visit": "a travel vaccination", "bring": "your vaccination booklet and your travel dates", "long": "twenty minutes", "room": "room one"},
    {"visit": "a baby check", "bring": "the baby's health record and a spare nappy", "long": "half an hour", "room": "room four"},
    {"visit": "a physiotherapy session", "bring": "a towel and loose clothes", "long": "forty minutes", "room": "the hall downstairs"},
    {"visit": "a blood pressure reading", "bring": "your insurance card", "long": "ten minutes", "room": "room two"},
]

PAPERS = [
    {"paper": "a sick note", "yours": "a sick note", "need": "the first day you stayed at home", "ready": "the next working day"},
    {"paper": "a repeat prescription", "yours": "a repeat prescription", "need": "the name on the box", "ready": "in two working days"},
    {"paper": "a copy of my test results", "yours": "a copy of your test results", "need": "your date of birth", "ready": "in one week"},
    {"paper": "a referral letter", "yours": "a referral letter", "need": "the name of the specialist", "ready": "in three working days"},
    {"paper": "a letter for my school", "yours": "a letter for your school", "need": "the name of the school", "ready": "in two working days"},
    {"paper": "my vaccination record", "yours": "your vaccination record", "need": "your date of birth", "ready": "the same afternoon"},
    {"paper": "a form for my insurance", "yours": "a form for your insurance", "need": "the form itself and your policy number", "ready": "in one week"},
]

HOUSE = [
    {"thing": "park a car", "fact": "There are twelve free places behind the clinic, and two wide ones beside the door"},
    {"thing": "get in with a wheelchair", "fact": "The side door on Mill Road has a ramp, and the lift goes to every floor"},
    {"thing": "wait with small children", "fact": "The family room is on the left, with toys, books and a place to change a baby"},
    {"thing": "bring a guide dog", "fact": "Guide dogs are welcome in every room, and there is a bowl of water at the desk"},
    {"thing": "get there by bus", "fact": "The number six stops in front of our door every quarter of an hour"},
    {"thing": "speak with someone in my own language", "fact": "An interpreter can join by telephone, free of charge, if we know one day before"},
    {"thing": "see a woman doctor", "fact": "Please tell the desk when you book, and we will choose the right doctor for you"},
    {"thing": "leave my bicycle", "fact": "There is a covered rack with a camera next to the main door"},
]

TOPICS = [
    {
        "rows": NURSE,
        "ask": ["What should I do with {ill}?", "I have {ill}. [Who can help me|Whom should I call|Can I see someone]?",
                "[Hello, |Good morning, |]there is somebody at home with {ill}. What now?", "[Can I come in|May I come by] today with {ill}?"],
        "answer": ["{sorry} For {ill} our nurse will call you back {when}. [Please tell her|She will ask] {first}. {soon}",
                   "{sorry} [Our nurse line|The nurse line] is the right place for {ill}. [She will ask you|Please be ready to say] {first}, and you will hear from her {when}. {soon}"],
    },
    {
        "rows": NURSE,
        "ask": ["[Is this call urgent|Which list does this call go on|Where does this caller belong]?"],
        "given": ["[Caller|Patient] says: I have had {ill} since {day}.", "A [man|woman|mother|student] [rings|calls] about {ill} on {day} {part}."],
        "answer": ["Nurse list. [The caller has|It is about] {ill}, so the nurse rings back {when}. [Please note the name and a number.|Ask for a number to call back.|Write down the number and the time.]"],
    },
    {
        "rows": URGENT,
        "ask": ["[Somebody here has|My neighbour has|{who} has] {sign}. What [should|can] I do?", "There is a [man|woman|visitor] with {sign}[ at my house| in our office|]. [Can you help|What now]?"],
        "answer": ["[Please call|Ring] the emergency number [now|right now|at once]. [Do not wait for an appointment with us|This cannot wait for an appointment]. With {sign} [every minute counts|help must come to you], and the people there will [stay on the line|tell you what to do until they arrive]."],
        "words": {"who": ["My mother", "My son", "My father", "My friend", "My wife", "My husband"]},
    },
    {
        "rows": URGENT,
        "ask": ["[Is this call urgent|Which list does this call go on|Where does this caller belong]?"],
        "given": ["[Caller|Patient] says: [my neighbour|my brother|my aunt|my friend] has {sign}[ since this {part}|]."],
        "answer": ["Emergency. [Because of|The caller speaks of] {sign}[,|:] [put the caller through|connect the call] to the emergency number at once and [stay on the line|do not book a visit]."],
    },
    {
        "rows": VISIT,
        "ask": ["[I would like to book|Please book me|My doctor told me to book] {visit} on {day}."],
        "answer": ["{hello} We have [a place|a free place] for {visit} on {day} at {clock}. Please bring {bring}. It takes about {long}. {bye}"],
    },
    {
        "rows": VISIT,
        "ask": ["What do I [need to|have to|] bring to {visit}?", "How long does {visit} take, and what should I bring?", "[It is my first time here for|I am nervous about] {visit}. What should I know?"],
        "answer": ["{hello} For {visit} please bring {bring}. It takes about {long} and is in {room}. {bye}", "{hello} [Plan|Please plan] about {long} for {visit}. Bring {bring}, and come to {room}. {bye}"],
    },
    {
        "rows": VISIT,
        "ask": ["[Write a reminder|Write a short message] to the patient.", "Remind this patient of the visit."],
        "given": ["Visit: {visit}. [Day|When]: {day} at {hour}. [Doctor|With]: {doctor}."],
        "answer": ["[Dear patient, this|Hello, this] is a reminder of {visit} with {doctor} on {day} at {hour}. Please bring {bring} and come to {room}. {bye}"],
    },
    {
        "rows": VISIT,
        "ask": ["I cannot come to {visit} on {day}. [Can I move it|Is there another day]?", "[Please cancel|I have to cancel] {visit} on {day}."],
        "answer": ["{hello} [That is no trouble|No problem at all]. We have freed your place for {visit} on {day}, and [the next one is|you can have a new one] at {clock}. {bye}"],
    },
    {
        "rows": PAPERS,
        "ask": ["[How do I get|Can I have|I need] {paper}[, please|]?", "[Can somebody else pick up|Where do I pick up] {paper}?", "How long does it take to get {paper}?"],
        "answer": ["{hello} For {yours} we need {need}. It is ready {ready}, and [you can pick it up at the desk|we keep it for you at the desk]. {bye}",
                   "{hello} Please have {need} ready for {yours}. [You can pick it up|It will be ready] {ready}. {bye}"],
    },
    {
        "rows": HOUSE,
        "ask": ["[How can I|Can I] {thing} at the clinic?", "Is it possible to {thing} [when I visit|when I come on {day}|at your place]?"],
        "answer": ["{hello} [Yes, that is possible|Yes, you can|That is easy]. {fact}. {bye}"],
    },
    {
        "ask": ["Are you open on {day} {part}?", "Can I come at {hour} on {day}?", "[When|Until when] are you open on {day}?"],
        "given": ["[Open|Hours]: Monday to Friday, eight to six. Closed at weekends.", "[Open|Hours]: every weekday from eight to six, {doctor} until four."],
        "answer": ["{hello} Yes, we are open on {day} from eight in the morning until six. [Please book before you come|It is quieter after {hour}]. {bye}"],
    },
    {
        "words": {"who": ["my mother", "my son", "my daughter", "my husband", "my wife", "my father", "myself"]},
        "ask": ["[How do I|I want to|Can I] sign {who} up as a new patient[ with {doctor}|]?", "Is {doctor} taking new patients? It is for {who}."],
        "answer": ["{hello} {doctor} has room for new patients. Please come on {day} in the {part} with [a passport|an identity card] and [a proof of address|the insurance card], and we fill in the form [together|with you]. {bye}"],
    },
    {
        "ask": ["[When will my results be here|Are my results back]? {doctor} took [blood|a sample] on {day}.", "I am waiting for my results from {day} and {doctor} has not called."],
        "answer": ["{hello} Results from {day} come back after three working days. {doctor} reads them first, and then [the desk calls you|we ring you] in the {part}. {bye}"],
    },
]


def record(parts):
    """The shape of Dolly's records."""
    return {"instruction": parts["ask"], "context": parts.get("given", ""), "response": parts["answer"]}
