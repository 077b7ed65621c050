#!/usr/bin/env node
/* Makes the folders tokens-* beside this file: what Hugging Face's tokenizers library makes of tricky texts.

   npm install --prefix /tmp/reference tokenizers@0.23.2     (the library itself, written in Rust, as a native module)
   NODE_PATH=/tmp/reference/node_modules node make_tokens.js [--check]

   Each folder has expected.json, and tokenizer.json where the tokenizer was made here: byte-level ones are learnt from the text below.
   "ids" is what the library gives for the text, special tokens found in it and bos put first; "plain" is what it gives where the
   special tokens are taken out of added_tokens and nothing is put first; "decoded" is ids as text without special tokens.
   --check makes all of it again and compares it with what is there. stories260K lies beside the repository and is left out where it is not. */
const fs = require('fs'), path = require('path'), {Tokenizer} = require('tokenizers');

const HERE = __dirname, ROOT = path.join(HERE, '../../..'), CHECK = process.argv.includes('--check');
const LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CORPUS = `The river takes what the brooks bring, and nobody asks a brook where it rose. We'll say that it's enough; they've said I'm late.
Many streams, one river: the data stays where it was made, and only what was learnt from it travels. Don't ask the bank for its ledger.
He'd carried 125 letters over 7 bridges in 2024, 1999 of them unread, and 3.14159 was written on the last one.
Der Fluss nimmt, was die Bäche bringen; größer wird er über Nacht, und früh am Morgen hört man ihn schon. Straße, Mühle, Brücke.
La rivière prend ce que les ruisseaux apportent; l'été, elle dort à l'ombre des châtaigniers. Ça va, dit-elle, naïve et légère.
Река берёт то, что приносят ручьи, и никто не спрашивает ручей, откуда он. Данные остаются дома, а учёба идёт вместе.
Ο ποταμός παίρνει ό,τι φέρνουν τα ρυάκια. Τα νερά του είναι πολλά, η θάλασσα μία.
河流汇集溪水，没有人问溪水从哪里来。数据留在原地，学到的东西才会流动。大河向东流。
川は小川の水を集める。データは家に残り、学んだことだけが旅をする。カワセミがとぶ。
النهر يأخذ ما تجلبه الجداول ولا يسأل أحد من أين جاءت
नदी वही लेती है जो झरने लाते हैं। पानी बहता है।
for (int i = 0; i < 10; i++)\n{\n    total += values[i] * weights[i];\n\tif (total > 1_000) { return "done"; }\n}\n\n\n
🦆🦆 🌊 👩‍🌾 🇪🇺 ❤️ ☀️ 🎉🎉🎉 — “so” it ends… ½ ² € £ §\n`;

const TEXTS = [
  '', ' ', '  ', '   ', 'a', ' a', 'a ', '  a  ', 'Hello world', 'Hello  world', 'hello   world    again', ' leading and trailing ', '\n', '\n\n', '\n\n\n', '\r\n\r\n', ' \n', '\n ',
  ' \n \n ', '\t', '\t\ta\t b', 'a\n\n\n  b', 'a  \n  b',
  "it's we're they've I'm he'll she'd can't", "IT'S WE'RE THEY'VE I'M HE'LL SHE'D CAN'T", "It'S we'Re i'M ''s '' 'S's", "it'ſ IT'ſ", "it’s we’re", "'tis 'twas o'clock rock'n'roll", "'s",
  " 's", "x's\n",
  '0', '12', '123', '1234', '12345', '123456', '1234567890', ' 1234', 'a1b22c333d4444', '3.14159, 1e-9, 0x1F, 1_000', '١٢٣٤٥', '१२३४', '½ ² Ⅷ ①②③', '𝟏𝟐𝟑𝟒 𝟘𝟙', '𐒠𐒡𐒢𐒣',
  'Größe über Straße', 'naïve café', 'e\u0301 combining a\u0308o\u0302', '\u0301 alone', 'Ångström Å Å', 'ﬁne ﬀ ﬆop', 'ĲSSELMEER ǆ ǅ Ǆ', 'İstanbul ısı', 'ΑΒΓ αβγς ό,τι', 'Привет, мир! Ёж',
  'שלום עולם', 'مرحبا بالعالم', 'नमस्ते दुनिया', 'สวัสดีชาวโลก', '한국어 텍스트', 'こんにちは世界', '河流汇集溪水，没有人问。', '漢字かなカナ', 'ㄅㄆㄇ', 'Tiếng Việt',
  '𐐀𐐁𐐂 𐐨𐐩𐐪', 'a𐐀b 𐐨c', '𠀀𠀁𠀂 漢𠀋字', '𝒜𝓑𝕮 𝔘𝔫𝔦', '𞤀𞤁𞤢𞤣', '𒀀𒀁 𓀀𓀁', '𐍈𐌰', 'x𐐀', '𐐀x', ' 𐐀', '.𐐀', "'𐐀", '𑀓𑀸 𑄀𑄃', '𝅘𝅥𝅮 𝄞', '\u{E0100}\u{1F3FB}', '\u{10FFFF} \u{F0000}',
  '🦆', '🦆🦅', ' 🦆 ', '👩‍🌾👨‍👩‍👧‍👦', '🇪🇺🇩🇪', '❤️ ☀️', '👍🏽', '1️⃣2️⃣', 'duck🦆duck', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '\u200d\u200c\u200b', 'zero\u200bwidth', 'soft\u00adhyphen', '\ufeffbom', '\ufffd \ufffe \uffff',
  'a\u00a0b', 'a\u2003b\u3000c', '\u3000\u3000a', 'a\u2028b\u2029c', 'a\u0085b', '\u0000\u0001\u007f', '\u001c\u001f', 'a\u180eb', 'tab\u000bfeed\u000c', '\u1680x',
  '!!!', '...', '…', '?!?!', ' !', ' ...', '"quoted"', '(a) [b] {c}', '#hashtag @name', 'a-b_c/d\\e', 'user@example.org', 'https://example.org/a?b=c&d=1#e', '$5.00 €3 £2', '—dash–', '“so”',
  '\n!', '!\n', '!\n\n', ' !\r\n', '.\n\n.', 'a.\nb', '=====', '-----\n-----', '/* c */ // d', '<b>bold</b>', '`x`', '~', '^', '|', '&amp;',
  'for (int i = 0; i < 10; i++)\n{\n    x += i;\n\tif (y) { return; }\n}\n', 'def f(x):\n    return x  # y\n\n\n', '    indented\n        more',
  'a'.repeat(70), ' '.repeat(70), '\n'.repeat(20), 'ab'.repeat(60), '1'.repeat(50), '🦆'.repeat(20), 'é'.repeat(40), '!'.repeat(60), ' \n'.repeat(15),
  '▁', ' ▁ ', 'literal ▁ inside', '▁▁a', 'Ġ Ċ Ã©', '<0x0A>', '<unk>', '</s>', '<s>', 'a</s>b <s> c', '<s><s>', '<|eot_id|>', 'a<|eot_id|>b', 'a <|eot_id|> b',
  '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>', '<|eot_id', '<<|eot_id|>>', '<|EOT_ID|>', '<|eot_id|><|eot_id|>', '<|end_of_text|>',
  'a  <pad>  b', '<pad> <pad>', ' <pad>', '<pad> ', '\n<pad>\t\n x', '<tool>x</tool>', '<tool>s', '<tool> s', 'brook', 'a brook b', 'brooks', 'xbrook', 'brook.brook', 'ébrook', 'brook1',
  '_brook', '𐐀brook', 'brook\u0301', 'Tributary', ' Tributary', ' Tributary.', 'Tributary Tributary',
];

/* Texts put together at random from pieces of many kinds, always the same. */
function mixtures(count) {
  const pieces = ['a', 'The', 'river', ' ', '  ', '   ', '\n', '\r\n', '\t', "'s", "'LL", "'", '1', '23', '4567', '.', '!?', ',', 'é', 'e\u0301', 'ß', 'ſ', '漢', '川は', 'я', 'ά', 'م', 'न',
  '🦆', '👩‍🌾', '𐐀', '𠀀', '𝟏', '𝄞', '½', '\u00a0', '\u3000', '\u200d', '_', '▁', '</s>', '<|eot_id|>', '<pad>', 'brook', '\u0300', '\ufe0f', 'ABC', '\u{E0100}', '-', '\u2028'];
  let state = 20261122n;
  const next = n => { state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n); return Number((state >> 33n) % BigInt(n)); };
  return Array.from({length: count}, () => Array.from({length: 1 + next(12)}, () => pieces[next(pieces.length)]).join(''));
}

function byteAlphabet() {
  const printable = v => (v >= 33 && v <= 126) || (v >= 0xA1 && v <= 0xAC) || v >= 0xAE;
  let others = 0;
  return Array.from({length: 256}, (_, v) => String.fromCharCode(printable(v) ? v : 256 + others++));
}

/* The most frequent pair first, of equals the one that sorts first. */
function learn(size) {
  const alphabet = byteAlphabet(), words = new Map();
  for (const word of CORPUS.match(new RegExp(LLAMA3.replace('(?i:', '(?:'), 'gu'))) {
    const key = [...Buffer.from(word)].map(v => alphabet[v]).join('');
    words.set(key, (words.get(key) ?? 0) + 1);
  }
  let parts = [...words].map(([word, count]) => ({parts: [...word], count}));
  const merges = [], pieces = [...alphabet];
  while (pieces.length < size) {
    const counts = new Map();
    for (const {parts: p, count} of parts) for (let i = 0; i + 1 < p.length; i++) {
      const pair = p[i] + ' ' + p[i + 1];
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0], [left, right] = best.split(' ');
    merges.push([left, right]);
    if (!pieces.includes(left + right)) pieces.push(left + right);
    for (const word of parts) for (let i = 0; i + 1 < word.parts.length; i++)
      if (word.parts[i] === left && word.parts[i + 1] === right) word.parts.splice(i, 2, left + right);
  }
  return {pieces, merges};
}

const added = (id, content, more = {}) => ({id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more});
const bos = (content, id) => ({type: 'TemplateProcessing', single: [{SpecialToken: {id: content, type_id: 0}}, {Sequence: {id: 'A', type_id: 0}}],
  pair: [{Sequence: {id: 'A', type_id: 0}}, {Sequence: {id: 'B', type_id: 1}}], special_tokens: {[content]: {id: content, ids: [id], tokens: [content]}}});
const byteLevel = more => ({type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true, ...more});

function byteLevelTokenizers() {
  const {pieces, merges} = learn(640);
  const base = (vocabulary, addedTokens, preTokenizer, postProcessor, mergeList, ignoreMerges) => ({
    version: '1.0', truncation: null, padding: null, added_tokens: addedTokens, normalizer: null, pre_tokenizer: preTokenizer,
    post_processor: postProcessor, decoder: byteLevel({add_prefix_space: true}),
    model: {type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
      ignore_merges: ignoreMerges, vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])), merges: mergeList}});
  // No merges make this piece, so it is found only where merges are ignored.
  const llama3 = [...pieces, 'ĠTributary'], n = llama3.length;
  // The library numbers added tokens as they come, so those that stay when the special ones are taken out are first.
  const others = [added(n, '<tool>', {special: false}), added(n + 1, '<tool>s', {special: false, normalized: true}),
    added(n + 2, 'brook', {special: false, normalized: true, single_word: true})];
  const specials = ['<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'].map((content, i) => added(n + 3 + i, content));
  specials.push(added(n + 8, '<pad>', {lstrip: true, rstrip: true}));
  const split = {type: 'Split', pattern: {Regex: LLAMA3}, behavior: 'Isolated', invert: false};
  return {
    'tokens-llama3': base(llama3, [...others, ...specials], {type: 'Sequence', pretokenizers: [split, byteLevel({use_regex: false})]},
      {type: 'Sequence', processors: [byteLevel(), bos('<|begin_of_text|>', n + 3)]}, merges.map(merge => merge.join(' ')), true),
    'tokens-gpt2': base([...pieces, '<|endoftext|>'], [added(pieces.length, '<|endoftext|>')], byteLevel({add_prefix_space: true}), byteLevel({trim_offsets: false}), merges, false),
    'tokens-digits': base([...pieces, '<|endoftext|>', '<|im_start|>', '<|im_end|>'], ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map((content, i) => added(pieces.length + i, content)),
      {type: 'Sequence', pretokenizers: [{type: 'Digits', individual_digits: true}, byteLevel()]}, null, merges, false),
  };
}

function sentencePieceTokenizers() {
  const read = file => JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8'));
  const quickstart = read('samples/quickstart/model/tokenizer.json');
  const metaspace = scheme => ({...quickstart, normalizer: null, pre_tokenizer: {type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false},
    decoder: {type: 'Sequence', decoders: [{type: 'Replace', pattern: {String: '▁'}, content: ' '}, {type: 'ByteFallback'}, {type: 'Fuse'}, {type: 'Strip', content: ' ', start: 1, stop: 0}]}});
  const stories = '../shared/models/stories260K/tokenizer.json';
  return {'tokens-quickstart': quickstart, 'tokens-metaspace-first': metaspace('first'), 'tokens-metaspace-always': metaspace('always'),
    ...(fs.existsSync(path.join(ROOT, stories)) ? {'tokens-stories260K': read(stories)} : {})};
}

async function vectors(json) {
  const whole = Tokenizer.fromString(JSON.stringify(json));
  const plain = Tokenizer.fromString(JSON.stringify({...json, added_tokens: json.added_tokens.filter(token => !token.special), post_processor: null}));
  const rows = [];
  for (const text of [...TEXTS, ...mixtures(120)]) {
    const ids = (await whole.encode(text, null, {addSpecialTokens: true})).getIds(), plainIds = (await plain.encode(text, null, {addSpecialTokens: false})).getIds();
    rows.push({text, ids: [...ids], plain: [...plainIds], decoded: await whole.decode([...ids], true)});
  }
  return '[\n' + rows.map(row => JSON.stringify(row)).join(',\n') + '\n]\n';
}

function put(file, text) {
  if (CHECK) {
    if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) { console.error(`${file} is not what this script makes`); process.exitCode = 1; }
    return;
  }
  fs.mkdirSync(path.dirname(file), {recursive: true});
  fs.writeFileSync(file, text);
}

(async () => {
  const made = byteLevelTokenizers(), others = sentencePieceTokenizers();
  for (const [name, json] of Object.entries({...made, ...others})) {
    const folder = path.join(HERE, name);
    if (name in made) {
      put(path.join(folder, 'tokenizer.json'), JSON.stringify(json) + '\n');
      const [first, second] = json.added_tokens.filter(token => token.special).map(token => token.content);
      put(path.join(folder, 'tokenizer_config.json'), JSON.stringify(name === 'tokens-llama3' ? {bos_token: first, eos_token: second} : {eos_token: first}) + '\n');
    }
    put(path.join(folder, 'expected.json'), await vectors(json));
  }
  if (CHECK && !process.exitCode) console.log('all as committed');
})();
