"""The service desk of a workshop for cars and bicycles: short, practical, a little gruff. Chats, some with several turns."""

COUNT = 320

WORDS = {
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
    "car": ["van", "saloon", "station wagon", "small car", "pickup", "hatchback"],
    "bike": ["road bike", "city bike", "mountain bike", "cargo bike", "folding bike", "touring bike"],
    "drop": ["Drop it off before nine.", "Bring it round on {day}.", "Bring it in, no booking needed.", "Leave the key in the box.", "Pop in on {day}, we'll have a look.", "Got a free ramp on {day}."],
    "drive": ["Don't ride it till then.", "Fine to ride gently till then.", "Keep it slow till then.", "Don't leave it for long.", "No rush, but don't forget it."],
}

BIKE = [
    {"fault": "the brakes squeal", "cause": "oil on the rims or worn pads", "fix": "clean the rims and fit new pads", "time": "half an hour", "price": "25"},
    {"fault": "the chain slips under load", "cause": "a stretched chain", "fix": "fit a new chain and check the sprockets", "time": "an hour", "price": "45"},
    {"fault": "the gears jump", "cause": "a slack gear cable", "fix": "tighten the cable and set the stops", "time": "twenty minutes", "price": "18"},
    {"fault": "the back wheel wobbles", "cause": "a loose or broken spoke", "fix": "true the wheel and swap the spoke", "time": "an hour", "price": "30"},
    {"fault": "the tyre goes flat overnight", "cause": "a slow puncture", "fix": "patch the tube and check the tyre for glass", "time": "twenty minutes", "price": "12"},
    {"fault": "the pedals click", "cause": "dry pedal threads", "fix": "grease the threads and tighten the crank", "time": "twenty minutes", "price": "15"},
    {"fault": "the handlebar feels loose", "cause": "play in the headset", "fix": "adjust the headset and nip up the stem", "time": "half an hour", "price": "20"},
    {"fault": "the lamp flickers", "cause": "a bad contact at the dynamo", "fix": "clean the plug and run a new wire", "time": "half an hour", "price": "22"},
    {"fault": "the saddle creaks", "cause": "a dry clamp", "fix": "strip the clamp, clean it and grease it", "time": "ten minutes", "price": "8"},
    {"fault": "the kickstand drops on bumps", "cause": "a weak spring", "fix": "fit a new stand and tighten the plate", "time": "ten minutes", "price": "16"},
    {"fault": "the brake lever goes soft", "cause": "air in the brake line", "fix": "bleed the line and top up the fluid", "time": "an hour", "price": "35"},
]

CAR = [
    {"fault": "the engine won't start in the morning", "cause": "a flat battery", "fix": "load-test the battery and clean the poles", "time": "half an hour", "price": "30"},
    {"fault": "there is a grinding noise when I brake", "cause": "worn pads down to the metal", "fix": "fit pads and check the discs", "time": "two hours", "price": "180"},
    {"fault": "it pulls to the left", "cause": "low pressure or bad tracking", "fix": "set the pressures and align the wheels", "time": "an hour", "price": "70"},
    {"fault": "the steering wheel shakes at speed", "cause": "wheels out of balance", "fix": "balance all four wheels", "time": "an hour", "price": "50"},
    {"fault": "the oil lamp is on", "cause": "low oil", "fix": "top up the oil and look for a leak", "time": "half an hour", "price": "35"},
    {"fault": "the clutch slips", "cause": "a worn clutch plate", "fix": "take the gearbox out and fit a clutch kit", "time": "a full day", "price": "650"},
    {"fault": "the wipers smear", "cause": "hard rubber", "fix": "fit new blades and fill the washer", "time": "ten minutes", "price": "28"},
    {"fault": "one headlamp is dim", "cause": "a cloudy lens or an old bulb", "fix": "swap the bulb and polish the lens", "time": "half an hour", "price": "32"},
    {"fault": "the heater blows cold", "cause": "low coolant or a stuck thermostat", "fix": "fill the coolant and test the thermostat", "time": "an hour", "price": "60"},
    {"fault": "the exhaust rattles", "cause": "a rusty clamp", "fix": "cut the clamp off and fit a new hanger", "time": "an hour", "price": "55"},
    {"fault": "the windows steam up", "cause": "a blocked cabin filter", "fix": "change the filter and dry the mats", "time": "twenty minutes", "price": "38"},
    {"fault": "the belt squeals when it is wet", "cause": "a glazed belt", "fix": "fit a new belt and check the tensioner", "time": "an hour", "price": "75"},
]

JOBS = [
    {"job": "an oil change", "what": "fresh oil, new filter, new plug washer", "time": "forty minutes", "often": "once a year"},
    {"job": "winter tyres", "what": "swap four wheels, torque the bolts, check the pressure", "time": "half an hour", "often": "every October"},
    {"job": "a full bike service", "what": "brakes, gears, bearings, wheels and a wash", "time": "half a day", "often": "every spring"},
    {"job": "a chain clean", "what": "degrease, dry, oil, wipe", "time": "twenty minutes", "often": "once a month"},
    {"job": "a brake check", "what": "pads, discs, lines and fluid", "time": "half an hour", "often": "twice a year"},
    {"job": "a battery test", "what": "load test, clean poles, print the result", "time": "ten minutes", "often": "before winter"},
    {"job": "a rust check", "what": "up on the ramp, torch and hammer, spray the seams", "time": "an hour", "often": "every two years"},
    {"job": "a wheel alignment", "what": "laser on, rods set, steering wheel straight", "time": "an hour", "often": "after any big pothole"},
    {"job": "a light check", "what": "all bulbs, beam height, plugs", "time": "ten minutes", "often": "every autumn"},
]

HOME = [
    {"task": "pump up a tyre", "how": "Read the side of the tyre, pump to the lower figure, check it in a week"},
    {"task": "oil a chain", "how": "Wipe it, one drop on each link, spin it, wipe it again"},
    {"task": "check the oil", "how": "Park level, wait five minutes, wipe the stick, dip it, read between the marks"},
    {"task": "change a wiper blade", "how": "Lift the arm, press the clip, slide the old one off, click the new one on"},
    {"task": "mend a puncture", "how": "Wheel off, tube out, find the hole in water, sand, glue, patch, wait, pump"},
    {"task": "jump-start a car", "how": "Read the handbook first, red to red, black to bare metal, start the good car, then yours"},
    {"task": "store a bike for the winter", "how": "Wash it, dry it, oil the chain, hang it up, keep it out of the damp"},
    {"task": "set the saddle height", "how": "Heel on the pedal, leg straight, clamp it there"},
    {"task": "fill the washer bottle", "how": "Blue cap, not the white one, winter mix till spring, close it till it clicks"},
    {"task": "clean a dirty bike", "how": "Bucket and brush, no high pressure, dry the chain, then oil"},
]

SYSTEM = ["You are the service desk of a workshop."]


def faults(rows, thing):
    """The two kinds of vehicle are asked about in the same ways."""
    return [
        {
            "rows": rows,
            "system": SYSTEM,
            "ask": [f"[Hi, |Hello, |Hey, |]there's a problem with my {{{thing}}}: {{fault}}. [What is it?|Any idea?|What could it be?|Can you fix that?]", f"My {{{thing}}}: {{fault}}. [Can you look at it|Do you have time] on {{day}}?"],
            "answer": ["[Sounds like|Most likely|Nine times out of ten it's] {cause}. We {fix}. {time}, about {price} [plus parts|all in]. {drop}", "[Likely|Probably] {cause}. [Job for us:|What we do:] {fix}. Takes {time}. {drive} {drop}"],
        },
        {
            "rows": rows,
            "system": SYSTEM,
            "before": ["{fault}[.| again.|. It started on {day}.]"],
            "reply": ["Car or bike?", "Which one is it, car or bike?", "What do you drive or ride?"],
            "ask": [f"[It's my|My|The] {{{thing}}}.", f"{{{thing}}}[, ten years old|, nearly new|]. What will it cost?"],
            "answer": [f"[Right, a|OK, a] {{{thing}}}. Then it's {{cause}}. We {{fix}}, {{time}}, about {{price}}. {{drop}}"],
        },
        {
            "rows": rows,
            "system": SYSTEM,
            "ask": [f"[How much is it|What do you charge] when {{fault}}? It's a {{{thing}}}.", f"[How long does it take|Can I wait for it] if {{fault}} on a {{{thing}}}?"],
            "answer": ["About {price} and {time}. We {fix}. [Price holds|That's] if it's {cause}[, we ring before doing more|, else we call you]. {drop}"],
        },
    ]


TOPICS = faults(BIKE, "bike") + faults(CAR, "car") + [
    {
        "rows": JOBS,
        "system": SYSTEM,
        "ask": ["What's in {job}?", "[Do I need|When do I need|How often should I get] {job}?", "How long is {job} for a {car}?", "[Can I book|Book me] {job} for {day}[, please|]."],
        "answer": ["{job}: {what}. {time}. [Do it|Worth doing|Best done] {often}. {drop}", "[Sure.|Can do.|No problem.] {time} for {job}: {what}. [Wants doing|Do it] {often}. {drop}"],
    },
    {
        "rows": HOME,
        "system": SYSTEM,
        "ask": ["How do I {task}[ myself| at home|]?", "Can I {task} on my own?", "[Quick tip|Any tips]: how to {task}?"],
        "answer": ["[Easy.|Sure.|You can.|Five minutes' work.] {how}. [Stuck? Come by on {day}.|If it fights back, stop and bring it here.|No luck? {drop}]"],
    },
    {
        "rows": CAR,
        "system": SYSTEM,
        "ask": ["Is my {car} ready? It came in on {day} because {fault}.", "[Any news|How far are you] with my {car}? It was because {fault}."],
        "answer": ["[Nearly.|Not yet.|On the ramp now.|Just done.] It was {cause}. [Had to|We still have to] {fix}, so [call|come by] on {day}. Bill is about {price}."],
    },
]


def record(parts):
    """A chat; where there was a turn before, all of it."""
    messages = [{"role": "system", "content": parts["system"]}]
    if "before" in parts:
        messages += [{"role": "user", "content": parts["before"]}, {"role": "assistant", "content": parts["reply"]}]
    return {"messages": messages + [{"role": "user", "content": parts["ask"]}, {"role": "assistant", "content": parts["answer"]}]}
