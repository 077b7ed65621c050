"""The customer desk of a bank: formal answers in numbered steps about cards, payments and papers. No financial advice."""

COUNT = 320

WORDS = {
    "amount": ["40", "75", "120", "250", "300", "480", "600", "950"],
    "account": ["current account", "savings account", "joint account", "business account", "student account"],
    "month": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October"],
    "safe": ["We never ask for your PIN.", "Never share your PIN with anyone.", "Please keep your code to yourself.", "Our staff will never ask for a password."],
    "end": ["You will receive a confirmation by post.", "A confirmation appears in your inbox.", "The change is valid from the next working day.", "There is no charge for this service.", "Your branch can assist you in person."],
    "shop": ["a bookshop", "a petrol station", "a hotel", "an online shop", "a restaurant", "a supermarket", "a ticket office"],
    "country": ["Spain", "Japan", "Canada", "Norway", "Brazil", "Greece", "Kenya", "Poland"],
}

STEPS = [
    {"task": "change my address", "one": "Open Profile in the app", "two": "Enter the new address", "three": "Upload a proof of residence", "team": "Accounts"},
    {"task": "change my phone number", "one": "Open Profile in the app", "two": "Enter the new number", "three": "Confirm with the code we send", "team": "Accounts"},
    {"task": "order a new card", "one": "Open Cards in the app", "two": "Choose Replace card", "three": "Confirm your postal address", "team": "Cards"},
    {"task": "block my card", "one": "Open Cards in the app", "two": "Press Block at once", "three": "Order a replacement card", "team": "Cards"},
    {"task": "choose a new PIN", "one": "Insert the card at one of our machines", "two": "Select Change PIN", "three": "Enter the new number twice", "team": "Cards"},
    {"task": "set up a standing order", "one": "Open Payments", "two": "Select Standing order", "three": "Enter payee, amount and date", "team": "Payments"},
    {"task": "stop a direct debit", "one": "Open Payments", "two": "Select the company under Direct debits", "three": "Press Stop two days before the due date", "team": "Payments"},
    {"task": "send money abroad", "one": "Open Payments and choose International", "two": "Enter the payee's bank code", "three": "Check rate and fee before you confirm", "team": "Payments"},
    {"task": "download a statement", "one": "Open Documents", "two": "Select account and month", "three": "Save the file to your device", "team": "Documents"},
    {"task": "get a tax certificate", "one": "Open Documents", "two": "Select the year", "three": "Request the certificate as a file or by post", "team": "Documents"},
    {"task": "close an account", "one": "Transfer the balance to another account", "two": "Sign the closing form", "three": "Return or destroy the cards", "team": "Accounts"},
    {"task": "open an account for my child", "one": "Book a visit at your branch", "two": "Bring the birth certificate and both passports", "three": "Sign the form as parents", "team": "Accounts"},
    {"task": "unlock my online access", "one": "Select Access blocked on the login page", "two": "Enter your customer number", "three": "Set a new password with the code from our letter", "team": "Online banking"},
    {"task": "install the app on a new phone", "one": "Install the app and log in", "two": "Approve the new device on the old one", "three": "Remove the old device under Security", "team": "Online banking"},
    {"task": "raise my daily limit", "one": "Open Security", "two": "Select Limits", "three": "Enter the amount and confirm with a code", "team": "Online banking"},
    {"task": "add a second person to my account", "one": "Visit a branch together", "two": "Show both identity cards", "three": "Sign the joint form", "team": "Accounts"},
]

PROBLEMS = [
    {"problem": "my card was stolen", "they": "a card was stolen", "team": "Cards", "act": "block the card and send a replacement", "within": "three working days"},
    {"problem": "the machine kept my card", "they": "a machine kept the card", "team": "Cards", "act": "return the card to your branch", "within": "two working days"},
    {"problem": "my card does not work in shops", "they": "the card does not work in shops", "team": "Cards", "act": "test the chip and replace the card", "within": "three working days"},
    {"problem": "a payment was taken twice", "they": "a payment was taken twice", "team": "Payments", "act": "compare both bookings and return one", "within": "five working days"},
    {"problem": "a transfer has not arrived", "they": "a transfer has not arrived", "team": "Payments", "act": "trace the transfer", "within": "two working days"},
    {"problem": "I paid the wrong person", "they": "a payment went to the wrong person", "team": "Payments", "act": "ask the other bank for a return", "within": "ten working days"},
    {"problem": "I cannot log in", "they": "logging in is not possible", "team": "Online banking", "act": "reset the access", "within": "one hour"},
    {"problem": "the app shows an error", "they": "the app shows an error", "team": "Online banking", "act": "check the device and the version", "within": "one working day"},
    {"problem": "I got a strange text message in your name", "they": "a strange text message came in our name", "team": "Security", "act": "check the message and warn other customers", "within": "one hour"},
    {"problem": "somebody called and asked for my PIN", "they": "a caller asked for the PIN", "team": "Security", "act": "secure the account", "within": "one hour"},
    {"problem": "my statement is missing", "they": "a statement is missing", "team": "Documents", "act": "issue the statement again", "within": "two working days"},
    {"problem": "my name is spelled wrong", "they": "the name is spelled wrong", "team": "Accounts", "act": "correct the name on all papers", "within": "three working days"},
    {"problem": "a fee on my account is not clear", "they": "a fee is not clear", "team": "Accounts", "act": "explain the fee in writing", "within": "two working days"},
]

TERMS = [
    {"term": "a standing order", "means": "a fixed payment that the bank sends on the same day of each month", "who": "The customer sets the amount"},
    {"term": "a direct debit", "means": "a payment that a company collects with your written consent", "who": "The company sets the amount"},
    {"term": "a PIN", "means": "a secret number that confirms you own the card", "who": "Only the customer knows it"},
    {"term": "an overdraft", "means": "a balance below zero that the bank allows up to an agreed limit", "who": "Interest is shown on the statement"},
    {"term": "a statement", "means": "a list of all bookings on an account in one month", "who": "The bank issues it on the first working day"},
    {"term": "an exchange rate", "means": "the price of one currency in another", "who": "The bank publishes it each morning"},
    {"term": "a joint account", "means": "an account that belongs to two people with equal rights", "who": "Each person receives a card"},
    {"term": "a booking date", "means": "the day on which a payment appears on the account", "who": "Payments after four o'clock count for the next day"},
    {"term": "a deposit box", "means": "a locked box in the vault of a branch", "who": "Only the holder has the second key"},
    {"term": "a payee", "means": "the person or company that receives a payment", "who": "The customer enters name and account number"},
]

TOPICS = [
    {
        "rows": STEPS,
        "ask": ["How [do|can] I {task}?", "[I would like to|I need to|I want to] {task}. [What are the steps|What is necessary|How does it work]?", "Please explain how to {task}."],
        "answer": ["[To proceed|Please proceed as follows|Three steps are required]:\n1. {one}.\n2. {two}.\n3. {three}.\n[{end}|{safe}]"],
    },
    {
        "rows": STEPS,
        "ask": ["[List the steps for this customer|Write the steps for this request|Answer the customer with steps]."],
        "given": ["[Customer wishes to|The customer writes: I want to] {task}. Product: {account}.", "Subject: {task}. [Product|Account]: {account}."],
        "answer": ["[For your|Regarding the|Concerning your] {account}:\n1. {one}.\n2. {two}.\n3. {three}.\n[{end}|{safe}]"],
    },
    {
        "rows": PROBLEMS,
        "ask": ["[Which team handles this|Route this message|Name the team for this message]."],
        "given": ["[Hello, |Dear bank, |Good day, |]{problem}[ since {month}| this morning| again|]. [Please help.|What happens now?|]"],
        "answer": ["Team: {team}.\n[Reason|Subject]: the customer writes that {they}.\nAction: {act} within {within}."],
    },
    {
        "rows": PROBLEMS,
        "ask": ["[Hello, |Dear bank, |]{problem}. What [will you do|happens now|should I do]?", "My question is short: {problem}. Whom do I tell[ in your branch|]?"],
        "answer": ["[Thank you for your report.|We regret the inconvenience.|We have recorded your case.] Our {team} team will {act} within {within}. [{safe}|{end}]"],
    },
    {
        "rows": TERMS,
        "ask": ["What is {term}?", "[Explain|Please explain|Define] {term}[ in one sentence| for a new customer| in plain words|]."],
        "answer": ["[Definition: |In banking, |]{term} is {means}. {who}. [{end}|{safe}|]"],
    },
    {
        "rows": TERMS,
        "ask": ["[Answer the customer|Reply to this question]."],
        "given": ["What does {term} mean[ on my {account}| on the paper of {month}|]?", "I read about {term}[ in your letter of {month}|]. What is that?"],
        "answer": ["[Dear customer|Dear client], {term} is {means}. {who}. [It also applies to your {account}.|{end}]"],
    },
    {
        "ask": ["[Write a short confirmation|Confirm this payment|Confirm the order]."],
        "given": ["Payment of {amount} from {account}, [due in|date:] {month}.", "Transfer: {amount}. From: {account}. Month: {month}."],
        "answer": ["[We confirm|We herewith confirm] the payment of {amount} from your {account} in {month}. {end}"],
    },
    {
        "ask": ["I do not know a payment of {amount} to {shop}[ in {month}|].", "[What is|Why do I see] a payment of {amount} to {shop} on my {account}?"],
        "answer": ["[Please check|Kindly check] the receipt from {shop} first. If the payment of {amount} remains unknown:\n1. Block the card in the app.\n2. Select the payment and press Dispute.\n3. [Our Security team replies|You will receive a reply] within five working days.\n{safe}"],
    },
    {
        "ask": ["[I am travelling to|I will be in|I am going to] {country} in {month}. Will my card work?", "Can I use my card in {country}[ in {month}|]?"],
        "answer": ["[Your card is accepted|The card is valid] in {country}. Before you leave:\n1. Switch on Travel under Cards.\n2. Select {country} and the dates.\n3. [Note the number for blocking cards|Save our emergency number].\n{safe}"],
    },
    {
        "ask": ["[What is the fee|What does it cost|Is there a fee] to withdraw {amount} [in|while I am in] {country}?", "[Can I|How do I] get {amount} in the money of {country}?"],
        "answer": ["Fees are listed in the price table of your {account}. [For {country} the|The] exchange rate of the day applies. [Please order cash two working days in advance|The app shows the total before you confirm]. {end}"],
    },
    {
        "rows": [{"kind": "a mortgage"}, {"kind": "a car loan"}, {"kind": "a savings plan"}, {"kind": "a pension"}, {"kind": "a loan for my studies"}, {"kind": "an account for my company"}],
        "ask": ["I have questions about {kind}. [Whom can I ask|Can I speak with someone in {month}]?", "[Can I book|Could you arrange] a meeting about {kind}[ in {month}|]?"],
        "answer": ["[An adviser at your branch|One of our advisers] will discuss {kind} with you in person.\n1. Select Meetings in the app.\n2. Choose a date[ in {month}|].\n3. Bring [an identity card and your last three payslips|your identity card and the papers you have].\n{end}"],
    },
]


def record(parts):
    """The shape of Alpaca's records."""
    return {"instruction": parts["ask"], "input": parts.get("given", ""), "output": parts["answer"]}
