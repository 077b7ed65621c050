"""What the base model learns before any site sees it: everyday English, and how instructions are answered. Nothing of the sites' work."""

COUNT = 3500

WORDS = {
    "name": ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Kate", "Leo", "Maria", "Nina", "Oscar", "Paul", "Rosa", "Sam", "Tom", "Vera"],
    "friend": ["Alex", "Bella", "Carl", "Dora", "Eric", "Frank", "Hanna", "Ivan", "Julia", "Karl", "Lena", "Mark", "Olga", "Peter", "Ruth", "Simon", "Tina", "Walter"],
    "place": ["the park", "the market", "the library", "the river", "the school", "the beach", "the station", "the museum", "the lake", "the farm", "the zoo", "the theatre", "the castle", "the pool"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "part": ["morning", "afternoon", "evening"],
    "season": ["spring", "summer", "autumn", "winter"],
    "weather": ["sunny", "cloudy", "rainy", "windy", "foggy", "warm", "cold", "stormy", "quiet and grey"],
    "mood": ["happy", "tired", "proud", "calm", "surprised", "curious", "a little sad", "hungry", "busy"],
    "adj": ["small", "big", "old", "new", "red", "blue", "green", "bright", "soft", "heavy", "round", "pretty", "strange", "clean", "empty", "long"],
    "other": ["dirty", "nice", "light", "broken", "warm"],
    "find": ["a key", "a letter", "a coin", "a hat", "a book", "a shell", "a map", "a photo", "a box", "a ring", "a feather", "a ball", "a lamp", "a stone"],
    "made": ["a cake", "a kite", "a chair", "a song", "a soup", "a basket", "a picture", "a bird house", "a paper boat", "a scarf"],
    "with": ["with care", "in one hour", "for the first time", "without any help", "before lunch", "after work", "on a rainy day", "in the end", "together"],
    "number": ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "fifteen", "twenty"],
    "good": ["good", "kind", "clear", "simple", "useful", "nice", "right", "careful"],
    "drink": ["tea", "coffee", "milk", "water", "juice", "lemonade", "hot chocolate"],
    "food": ["bread", "soup", "rice", "apples", "cheese", "eggs", "pasta", "salad", "potatoes", "fish", "pancakes", "beans"],
    "hobby": ["reading", "painting", "swimming", "dancing", "cooking", "singing", "walking", "sewing", "gardening", "playing chess", "taking photos", "learning languages"],
    "why": ["it makes me calm", "I can do it with friends", "it is never the same", "I learn something new each time", "it keeps me moving", "my parents taught me", "it costs almost nothing", "I can do it at home"],
}

THINGS = [
    ("a spoon", "a tool for eating", "in the kitchen", "eat soup", "metal"), ("a lamp", "a thing that gives light", "on the table", "read at night", "glass"),
    ("a chair", "a piece of furniture", "at the table", "sit down", "wood"), ("a clock", "a machine that shows the time", "on the wall", "see how late it is", "metal"),
    ("a pencil", "a tool for writing", "in a school bag", "draw and write", "wood"), ("a kettle", "a pot for hot water", "in the kitchen", "boil water", "steel"),
    ("a boat", "a vehicle for the water", "on a lake", "cross the water", "wood"), ("a train", "a long vehicle on rails", "at the station", "travel to another town", "steel"),
    ("a window", "an opening in the wall", "in every room", "let the light in", "glass"), ("a pillow", "a soft bag for the head", "on the bed", "sleep well", "cotton"),
    ("a ladder", "a set of steps you can carry", "in the shed", "reach the roof", "wood"), ("a basket", "a light thing for carrying", "at the market", "carry fruit", "straw"),
    ("a bridge", "a road over a river", "in many towns", "walk to the other side", "stone"), ("an umbrella", "a roof that you carry", "by the door", "stay dry in the rain", "cloth"),
    ("a map", "a picture of the land", "in a bag", "find the way", "paper"), ("a scarf", "a warm piece of cloth", "around the neck", "keep warm in winter", "wool"),
    ("a bucket", "an open pot with a handle", "in the garden", "carry water", "plastic"), ("a mirror", "a glass that shows your face", "in the bathroom", "comb your hair", "glass"),
    ("a hammer", "a heavy hand tool", "in a box of tools", "hit nails", "iron"), ("a plate", "a flat dish", "on the table", "serve a meal", "clay"),
    ("a candle", "a stick of wax", "on a cake", "make a warm light", "wax"), ("a broom", "a brush on a long stick", "in the corner", "sweep the floor", "wood"),
    ("a drum", "an instrument that you hit", "in a band", "keep the beat", "skin"), ("a violin", "an instrument with strings", "in an orchestra", "play music", "wood"),
    ("a newspaper", "a paper with news", "at the shop", "learn what happened", "paper"), ("a coat", "a thick piece of clothing", "on a hook", "go out in the cold", "wool"),
]

ANIMALS = [
    ("a cat", "milk and mice", "in houses", "climb trees"), ("a dog", "meat and bones", "in houses", "run fast"), ("a horse", "grass and oats", "on farms", "pull a cart"),
    ("a cow", "grass", "on farms", "give milk"), ("a duck", "plants and worms", "on ponds", "swim"), ("a bee", "the juice of flowers", "in a hive", "make honey"),
    ("an owl", "mice", "in old trees", "see at night"), ("a bear", "berries and fish", "in the forest", "sleep all winter"), ("a rabbit", "carrots and grass", "in holes", "jump far"),
    ("a goat", "leaves and grass", "on hills", "climb rocks"), ("a frog", "flies", "near ponds", "jump and sing"), ("a whale", "very small animals", "in the sea", "dive deep"),
    ("an elephant", "leaves and fruit", "in warm countries", "lift a tree"), ("a fox", "mice and berries", "in the forest", "hide well"), ("a hen", "corn", "on farms", "lay eggs"),
]

OPPOSITES = [("big", "small"), ("hot", "cold"), ("early", "late"), ("old", "new"), ("open", "closed"), ("full", "empty"), ("fast", "slow"), ("light", "heavy"),
             ("wet", "dry"), ("near", "far"), ("loud", "quiet"), ("clean", "dirty"), ("easy", "difficult"), ("first", "last"), ("long", "short"), ("high", "low"),
             ("strong", "weak"), ("right", "wrong"), ("happy", "sad"), ("soft", "hard")]

MAKE = [
    ("a cup of tea", "boil the water", "put the tea in the cup", "wait four minutes"), ("toast", "cut the bread", "heat both sides", "add butter while it is warm"),
    ("a salad", "wash the leaves", "cut the vegetables", "add oil and salt"), ("a paper boat", "fold the sheet in half", "fold the corners down", "pull the sides apart"),
    ("a bed", "shake the pillow", "pull the sheet straight", "lay the blanket on top"), ("a fruit drink", "peel the fruit", "mix it with milk", "pour it into a glass"),
    ("an omelette", "beat three eggs", "heat the butter", "fold it when it is firm"), ("a birthday card", "fold the paper", "draw a picture", "write a kind wish inside"),
    ("a snowman", "roll three balls of snow", "put one on top of another", "give it a hat and a nose"), ("a flower bed", "dig the soil", "plant the seeds", "water them every evening"),
]

GROUPS = [
    ("fruits", ["apples", "pears", "plums", "cherries", "grapes", "oranges", "bananas", "lemons"]), ("colours", ["red", "blue", "green", "yellow", "white", "black", "brown", "grey"]),
    ("animals", ["dogs", "cats", "horses", "cows", "birds", "fish", "bears", "foxes"]), ("vegetables", ["carrots", "peas", "onions", "beans", "potatoes", "tomatoes", "leeks", "corn"]),
    ("rooms of a house", ["the kitchen", "the bedroom", "the bathroom", "the hall", "the cellar", "the attic"]), ("clothes", ["shirts", "coats", "socks", "hats", "gloves", "shoes", "scarves"]),
    ("instruments", ["the piano", "the violin", "the drum", "the flute", "the guitar", "the trumpet"]), ("kinds of weather", ["rain", "snow", "wind", "fog", "sunshine", "hail"]),
]


def rows(keys, values):
    return [dict(zip(keys, value)) for value in values]


def lists():
    """Three things of a group, in the order in which they stand there from any of them on."""
    made = []
    for group, members in GROUPS:
        for first in range(len(members)):
            one, two, three = (members[(first + step) % len(members)] for step in range(3))
            made.append({"group": group, "one": one, "two": two, "three": three})
    return made


STORY = [
    "[One|On a] {weather} {day}[ {part}|], {name} went to {place}. There {name} found {find}. It was {adj} and [lay under a tree|belonged to {friend}]. {name} was {mood} and [took it home|gave it back|showed it to {friend}].",
    "{name} and {friend} were at {place}. It was {weather}. They [made|wanted to make] {made} {with}. In the {part} they were {mood}, and they [ate {food}|drank {drink}|went home|told everyone about it].",
    "In {season}, {name} liked to go to {place}. One {part} there was {find} on the ground. \"[Whose is this|Who lost this]?\" asked {name}. \"[It is mine|I do not know|Maybe it is old],\" said {friend}. They were {mood}.",
]

TOPICS = [
    {"rows": rows(("thing", "kind", "where", "use", "of"), THINGS),
     "ask": ["What is {thing}?", "[Describe|Tell me about] {thing}[ in a few words| to {name}|].", "What can I do with {thing}[, {name} asks|]?"],
     "answer": ["[{thing} is|It is] {kind}. [You find it|It is often] {where}. [People use it to|With it you can] {use}.[ It is often made of {of}.| Mine is {adj}.| {name} has one too.|]"]},
    {"rows": rows(("animal", "eats", "lives", "can"), ANIMALS),
     "ask": ["What does {animal} eat?", "[Tell me about|Describe] {animal}[, please|].", "Where does {animal} live[ and what can it do|]?"],
     "answer": ["{animal} [eats|likes] {eats}. It lives {lives} and can {can}.[ {name} once saw one at {place}.| Some are [big|small|old|strong].| It is busy in {season}.]"]},
    {"rows": rows(("one", "two"), OPPOSITES),
     "ask": ["What is the opposite of {one}[, {name} wants to know|]?", "Give the opposite of {two} and use both words."],
     "answer": ["The opposite of {one} is {two}. [The first one is|Mine is|This one is|One of them is] {one}, and [the next one|the other one|hers|yours] is {two}.[ {name} knows it too.| {friend} said so.|]"]},
    {"rows": rows(("dish", "one", "two", "three"), MAKE),
     "ask": ["How do I make {dish}[ for {name}|]?", "[Tell me how to|Show {name} how to|Help me to] make {dish}[ in the {part}|]."],
     "answer": ["[First|To begin], {one}. [Then|After that], {two}. [At the end|Last], {three}. [It is easy.|Do it {with}.|{name} likes it on {day}.|It takes {number} minutes.]",
                "1. {one}.\n2. {two}.\n3. {three}.[\nIt takes {number} minutes.|\nEnjoy it with {friend}.|]"]},
    {"rows": lists(),
     "ask": ["[Name|List|Give me] three {group}[, please| for {name}|]."],
     "answer": ["[Three {group} are|They are|Here you are:] {one}, {two} and {three}.[ {name} likes {two} best.| {friend} chose {one}.|]", "1. {one}\n2. {two}\n3. {three}[\n{name} knows {number} more.|]"]},
    {"ask": ["[Tell|Write] a [short|little] story about {name}[ and {find}| and {friend}|].", "What happened to {name} on {day}?", "Tell me something that happened at {place}."], "answer": STORY},
    {"ask": ["[Continue the story|Go on with the story|What happened next]."], "given": ["{name} was at {place} on {day}. It was {weather}."], "answer": STORY},
    {"ask": ["Who was at {place}?", "Where was {name}?", "What did {name} find?"],
     "given": ["{name} went to {place} on {day} and found {find}."],
     "answer": ["{name} was at {place} on {day}[ and found {find}|]. [It was {weather}.|{name} was {mood}.|{friend} was there too.]"]},
    {"ask": ["[Write|Send] a thank you note to {friend}.", "[Thank|Write to] {friend} for {find}."],
     "answer": ["[Dear|Hello] {friend}, thank you [very much|so much|] for {find}. It is [very|so|] {adj} and [it made me think of|I took it to] {place}. [See you on {day}.|Have a nice {part}.] [Yours|Love|Best wishes], {name}"]},
    {"ask": ["[Invite|Ask] {friend} to {place}.", "[Write an invitation|Write a short message] to {friend} for {day}."],
     "answer": ["[Dear|Hello|Hi] {friend}, [would you like to|can you|do you want to] come to {place} on {day} {part}? We [will have|can have] {food} and {drink}. [Please tell me soon.|Bring {find} if you can.|It will be fun.] {name}"]},
    {"system": ["You are a [kind|friendly|helpful] [neighbour|teacher|assistant]."],
     "ask": ["[Hello|Good morning|Hi], what [do you like|is your hobby]?", "Do you like {hobby}?", "What do you do on {day}?"],
     "answer": ["[I like|Yes, I like|I enjoy] {hobby}, because {why}. [On {day} I do it|I often do it] at {place}. [And you?|What do you like?|{friend} does it too.]"]},
    {"system": ["You are a [kind|friendly|helpful] [neighbour|teacher|assistant]."],
     "before": ["I am {mood} today.", "It is {weather} today."], "reply": ["Oh, why?", "Is that good?", "Tell me more."],
     "ask": ["I was at {place} with {friend}.", "I found {find}.", "{friend} made {made}."],
     "answer": ["[I see|Oh|That is {good}]. [Then|So] you [can have|should have] some {drink} and [rest|talk about it|call {friend}]. [Tomorrow is another day.|I hope you feel {good} on {day}.|It will be {weather} again.]"]},
    {"ask": ["What do people eat in {season}?", "What should I cook on {day}?", "What goes well with {food}?"],
     "answer": ["[You can|Many people|We often] [have|eat|make] {food} with {drink}. It is {good} [for {number} people|in {season}|on a {weather} day]. [{name} likes it.|Do not forget the salt.|Eat it while it is warm.]"]},
    {"ask": ["[How is the weather|What is the weather like] [on {day}|in {season}|at {place}]?"],
     "answer": ["[On {day}|In the {part}|In {season}] it is {weather}. [Take a coat|Take {find} with you|You can sit outside|Stay at home] and [have some {drink}|go to {place} later|wait until the {part}]."]},
    {"ask": ["[Make a sentence|Write a sentence] with {find} and {place}.", "Use the words {find} and {place} in a sentence."],
     "answer": ["[There was|I saw|{name} saw] {find} at {place}, and it was {adj}[ and {other}|].", "{name} [brought|took|carried] {find} to {place}[ on {day}|]. It was {adj}."]},
    {"ask": ["[Change the name to {friend}|Put {friend} for {name}]."], "given": ["{name} [saw|lost|has|found] {find} at {place}."],
     "answer": ["{friend} [saw|lost|has|found] {find} at {place}."]},
    {"ask": ["Can you help me with {made}?", "How can I learn {hobby}?", "Is {hobby} difficult?"],
     "answer": ["[Yes.|Of course.|Sure.] [Start|Begin] with {number} minutes [a day|every {day}]. [Ask {friend} to help you|Go to {place}|Find a {good} book]. {hobby} is [not difficult|easy|hard at first], and {why}."]},
]


def record(parts, number):
    """All three shapes in turn, so that the base knows each of them."""
    given = parts.get("given", "")
    if "system" in parts:
        turns = [("system", parts["system"])]
        if "before" in parts:
            turns += [("user", parts["before"]), ("assistant", parts["reply"])]
        return {"messages": [{"role": role, "content": text} for role, text in turns + [("user", parts["ask"]), ("assistant", parts["answer"])]]}
    if number % 2:
        return {"instruction": parts["ask"], "context": given, "response": parts["answer"]}
    return {"instruction": parts["ask"], "input": given, "output": parts["answer"]}
