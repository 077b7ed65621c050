"""Plain sentences over a wide everyday vocabulary, joined at random: words and grammar for the base model, and practice in copying."""

COUNT = 4500

NOUNS = """
account address afternoon amount app apple appointment arm autumn baby back bag ball bank battery bed bell belt bicycle bike bill
bird birthday blade blanket blood board boat bolt book bottle bowl box boy brake branch bread bridge brother brush bucket building bulb
bus button cable call camera car card carpet case cat chain chair change check child city class clinic clip clock cloth clothes coat
code coffee coin colour company confirmation cook copy corner country cousin cup customer date daughter day desk detail device doctor
document dog door dream dress drop ear earache engine engineer error evening example eye face family farm father fee fever field file
filter finger fish flat floor flower fluid folder food foot form friend fruit game garden gear girl glass glove gold grandmother
grass group hall hand handle hat head headache health heart helmet help hill hole holiday home hospital hotel hour house hub hurry idea
ink insurance island jacket job journey juice key kitchen knife ladder lake lamp language leaf leg lesson letter level library licence
light limit line link lip list loan lock look luck lunch machine mail man map mark market mat meal meeting menu message metal meter middle
milk minute mirror mistake money month morning mother motor mountain mouth museum music nail name neck needle neighbour nephew news night
noise noon nose note notice number nurse oil order owner packet page pain paint paper parcel parent park part partner passport password
patient payment pedal pencil person phone photo piece pipe place plan plane plant plate pocket point policy pond pool post present
pressure price problem product profile proof pump question queue radio rain ramp reason receipt reply report request result rim ring river
road roof room rope rule rust saddle salt sample sand saucepan school screw sea seat second sentence service sheet shelf ship shirt shoe
shop shower side sign sister sky sleeve smile snow soap sock son song soup space speed spoke spring stage stairs stamp star statement
station step stick stone story street student summer sun switch table tap tax teacher team telephone tent thing ticket time tin tool tooth
towel tower town toy train transfer travel tree trip truck tube tyre uncle use van video view village visit visitor voice wage wall watch
water way week weekend wheel wife wind window winter wire woman wood word worker workshop world wrist year accounts adviser air alignment
ankle aunt banking beam bearings bee birth blades bolts booking booklet books bookshop brakes bulbs bumps business cabin cap cards
cargo cash certificate chest children chip client clamp clutch coolant cough crank currency customers dates debit deposit discs documents
dressing dynamo emergency exchange exhaust eyes fees figure flu gearbox gears glasses glue hammer handbook handlebar hanger
hatchback headlamp headset heater heel height holder husband identity inbox interest interpreter kickstand kit laser lens lever limits
lines login machines mats marks medicines meetings minutes mortgage nappy overdraft pads papers parents parts passports patients payee
payments payslips pedals pension physiotherapy pickup places plug poles pothole prescription puncture quarter questions rack rash rate
rattle referral replacement residence restaurant results rights rims rods rubber saloon savings seams security session shops skin
specialist sprockets staff stem sting stomach strip studies supermarket tensioner text thermostat thread throat tips tongue torch toys
tracking trouble tyres vaccination vault version wagon washer weakness weekday weeks wheelchair wheels windows wipers years
""".split()

ADJECTIVES = """
able afraid alone angry asleep awake bad bare beautiful best better big bitter black blue bright broken brown busy calm careful certain
cheap clean clear clever closed cold comfortable common correct covered curious dark dear deep different difficult dim dirty double dry
early easy empty expensive extra fair false familiar fast few final fine firm flat foreign free fresh friendly full funny general gentle
glad good great green grey half happy hard heavy high hollow honest hot huge hungry important kind large last late left light likely
little local long loose lost loud low lucky main missing modern narrow near neat new next nice noisy normal old open orange other own pale
personal plain pleased polite poor possible pretty private proud quick quiet rare ready real red regular right rough round sad safe same
second secret sharp short shut sick silent simple slack slow small smooth soft sore sour spare special square stiff straight strange
strong stuck sudden sure sweet swollen tall thick thin third tight tired unclear unknown urgent useful usual valid warm weak wet white
accepted agreed blocked called current daily damp direct dizzy due each equal fixed folding freed itchy joint kept listed locked lower
nearly necessary nervous online postal recorded required rusty secure shown spelled standing steady stolen stretched taken touring true
twisted uncomfortable unwell upset written yearly
whole wide wild wise wonderful worn worried worse wrong yellow young
""".split()

VERBS = """
accept add adjust answer approve arrange arrive ask balance begin believe bleed block blow book borrow break bring brush build burn buy call
cancel carry catch change charge check choose clean clear click climb close collect come compare confirm cost count cover cross cut
decide deliver destroy discuss download draw dream dress drink drive drop dry eat enjoy enter explain fall feel fetch fight fill find
finish fit fix fold follow forget get give go grease greet grow handle hang hear help hide hit hold hope hurry join jump keep know lay
learn leave lend let lift like listen live load lock look lose love make mark measure meet mend miss mix move need note notice offer open
order pack paint park pass patch pay phone pick plan plant play point polish post pour press print proceed promise pull pump push put raise
reach read receive record remember remove repeat replace reply report request return ride ring roll run save say see select sell send set
sew shake share show shut sign sing sit sleep slide slip smell smile speak spell spend spin spray stand start stay steal steer stop study
swallow swap switch take talk teach tell test thank think throw tighten top touch trace train travel treat trust try turn type understand
unlock upload use visit wait walk want warn wash watch wear wipe wish withdraw work worry write
""".split()

# Forms of verbs: what somebody does, what one is doing, what was done.
DOES = """
adds agrees allows applies asks assists begins belongs blows brings calls changes clicks collects comes confirms connects counts creaks
cuts drops enters feels fights fits flickers gets gives goes hangs has helps holds issues keeps knows lasts leaks likes looks makes means
moves needs opens pays publishes pulls puts reads receives remains reminds replies returns rings says sells sends sets shakes shows slips
smears speaks squeals starts stays stops takes tells turns uses wants wobbles works writes
""".split()

DOING = """
asking bleeding blocking booking braking breathing bringing buying calling changing cleaning closing coming cooking doing driving fitting
folding getting giving going grinding hearing helping keeping logging looking making moving opening paying reading riding seeing selling
sending sleeping speaking standing starting steering taking talking telling travelling trying turning using waiting walking working writing
""".split()

DONE = """
arrived asked began blown bought brought broken called came changed cleaned closed done dropped fitted found got had installed kept lasted
left lost made moved opened paid put read received sent shown sold started stayed stopped taken told tried turned used went worn written
""".split()

LITTLE = """
also although always any anyone away below both but could each either else enough even ever forward from hey how itself just many more
most much myself nearly off only or other out perhaps plus quite really since so some still such than there's they those through times
together too true until very well what's where whether which while who why without worth would yet yourself zero eleven thirteen hundred
""".split()

PHRASES = """
again|at once|at home|at night|at noon|before lunch|in person|in the end|in writing|by post|by bus|by hand|for a while|for you|for us|with
care|without a break|with pleasure|of course|on foot|on time|on Monday|on Tuesday|on Wednesday|on Thursday|on Friday|on Saturday|every
day|every week|once a year|twice a day|within an hour|in two days|in a minute|this morning|this afternoon|tonight|tomorrow|yesterday|right
now|later|soon|slowly|gently|together|first|last|then|outside|inside|downstairs|in spring|in January|in May|in August|in October|since
June|until April|about half an hour|in twenty minutes|between the two|beside the door|behind the house|in front of the shop|under the
table|over the bridge|through the window|against the wall|from the beginning|near the station|along the river|after that|because of
that|if possible|as follows|in total|per month|free of charge|to the left|to the right|up and down|all day|no longer|not yet|too late
""".replace("\n", " ").strip().split("|")

STARTS = """
Thank you|I am sorry|We are sorry|Good morning|Good day|Hello|Dear customer|Dear friend|Please|Yes|No|Of course|Sure|Right|OK|Well|Maybe|Sounds good|Most
likely|Not yet|Just now|For example|Concerning this|Regarding that|Nearly done|Do not worry|No problem|No rush|Look|Listen|Oh dear|Take
care|To begin|After that|At the end|Before you go|What is more|By the way|As you know|In short|Never mind|Easy|Here it is
""".replace("\n", " ").strip().split("|")


FORMS = [
    "{THE} {NOUN} is {ADJECTIVE}.", "{THE} {ADJECTIVE} {NOUN} is {ADJECTIVE} {PHRASE}.", "[please|kindly|] {VERB} {THE} {NOUN} {PHRASE}.", "{WHO} can {VERB} {THE} {NOUN}.",
    "{WHO} will {VERB} {THE} {ADJECTIVE} {NOUN} {PHRASE}.", "{START}, {WHO} [must|should|may|would] {VERB} {THE} {NOUN}.", "{START}. {THE} {NOUN} was {ADJECTIVE}.",
    "it is {ADJECTIVE}, so {VERB} it {PHRASE}.", "[there is|there was] a {ADJECTIVE} {NOUN} {PHRASE}.", "[do not|never|always] {VERB} {THE} {NOUN}.",
    "[if|when|because|while] {THE} {NOUN} is {ADJECTIVE}, {VERB} {THE} {NOUN}.", "[I|we|you|they] [want|need|have|had] to {VERB} {PHRASE}.",
    "{THE} {NOUN} and {THE} {NOUN} are {ADJECTIVE}.", "[what|which|where|how|when] is {THE} {NOUN}?", "1. {VERB} {THE} {NOUN}.\n2. {VERB} {THE} {NOUN}.\n3. {VERB} {THE} {NOUN} {PHRASE}.",
    "{NOUN}, {NOUN} and {NOUN}: about [five|ten|25|40|80|120|300|650] {PHRASE}.", "{THE} {NOUN} [needs|takes|brings] a {ADJECTIVE} {NOUN}.", "{NOUN}: {ADJECTIVE}. {NOUN}: {ADJECTIVE}.",
    "[he|she|it|{THE} {NOUN}|somebody] {DOES} {THE} {NOUN}.", "{THE} {NOUN} {DOES} {PHRASE}.", "[she|he|it|who] {DOES} {LITTLE} {PHRASE}.",
    "{THE} {NOUN} is {DOING} {PHRASE}.", "{START} for {DOING} {THE} {NOUN}.", "{WHO} [like|are|keep|begin] {DOING} {THE} {NOUN}.", "{THE} {NOUN} [was|has|is] {DONE} {PHRASE}.",
    "{WHO} {DONE} {THE} {ADJECTIVE} {NOUN}.", "{LITTLE} {ADJECTIVE}, {LITTLE} {NOUN}.", "{LITTLE} {THE} {NOUN} {DOES} {LITTLE}.",
]

WORDS = {
    "NOUN": NOUNS,
    "ADJECTIVE": ADJECTIVES,
    "VERB": VERBS,
    "DOES": DOES,
    "DOING": DOING,
    "DONE": DONE,
    "LITTLE": LITTLE,
    "PHRASE": PHRASES,
    "START": STARTS,
    "THE": ["the", "the", "your", "my", "our", "a new", "this", "that", "one", "another", "her", "his", "their", "every", "no"],
    "WHO": ["I", "we", "you", "they", "the {NOUN}", "our {NOUN}", "my {NOUN}", "somebody", "Anna", "Ben", "Dr Hill"],
    "SENTENCE": FORMS,
    "text": ["{ADJECTIVE} {NOUN} {PHRASE}", "{VERB} {THE} {ADJECTIVE} {NOUN}", "{NOUN}, {NOUN}, {NOUN}", "{THE} {NOUN} is {ADJECTIVE}", "{WHO} can {VERB} it {PHRASE}"],
    "rest": ["{VERB} {NOUN}", "{NOUN} {PHRASE}", "{ADJECTIVE} and {ADJECTIVE}"],
}

TOPICS = [
    {"ask": ["[Say something|Write something|Write sentences] about the {NOUN}.", "[Use the words|Write with] {NOUN}, {NOUN} and {NOUN}.", "What about {THE} {ADJECTIVE} {NOUN}?",
             "{THE} {NOUN} is {ADJECTIVE}.", "How do I {VERB} {THE} {NOUN}?", "Can you {VERB} {THE} {ADJECTIVE} {NOUN} {PHRASE}?"],
     "answer": ["{SENTENCE} {SENTENCE} {SENTENCE}", "{SENTENCE} {SENTENCE}", "{SENTENCE}\n{SENTENCE}"]},
    {"ask": ["[Say|Write|Repeat] this {PHRASE}."], "given": ["{text}, {rest}."], "answer": ["{text}, {rest}."]},
    {"ask": ["[Say|Write|Repeat] the words: {text}, {rest}."], "answer": ["{text}, {rest}."]},
    {"ask": ["[Hello|Good day], the word is: {text}. What [is it|do you do]?"], "answer": ["[It is|The word is|You said]: {text}. {SENTENCE}"]},
]
