// Elements that show what changes: set only where it differs, so that focus, selection and tooltips stay while a page is refreshed.

const byId = id => document.getElementById(id);

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// Gives a parent one child for each item, in their order; a child is made once for each key and filled every time.
function keyed(parent, items, keyOf, make, fill) {
  const there = new Map([...parent.children].map(node => [node.dataset.key, node]));
  items.forEach((item, at) => {
    const key = String(keyOf(item));
    const node = there.get(key) ?? make(item);
    node.dataset.key = key;
    there.delete(key);
    fill(node, item);
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] ?? null);
  });
  there.forEach(node => node.remove());
}

// A row whose first cell heads it. Roles are said once more, since on narrow screens a row is laid out as a card, which takes them away.
function row(labels) {
  const cells = labels.map((label, at) => at === 0
    ? element('th', { scope: 'row', role: 'rowheader' })
    : element('td', { role: 'cell', 'data-label': label }));
  return element('tr', { role: 'row' }, ...cells);
}

const stateWords = {
  AwaitingModel: 'awaiting model', Queued: 'queued', Running: 'running', Finished: 'finished', Failed: 'failed', Aborted: 'ended',
};

function showState(node, state) {
  put(node, stateWords[state] ?? state);
  node.className = `state ${state}`;
}

function showProgress(bar, done, total) {
  bar.max = total || 1;
  bar.value = Math.min(done, total || 1);
}

const hasEnded = state => ['Finished', 'Failed', 'Aborted'].includes(state);

const count = x => x.toLocaleString('en');
const plural = (x, one) => `${count(x)} ${one}${x === 1 ? '' : 's'}`;

// How long ago, by the server's clock.
function ago(time) {
  const past = Math.max(0, (serverNow() - Date.parse(time)) / 1000);
  if (past < 5) return 'now';
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  return past < 86400 ? `${Math.floor(past / 3600)} h ago` : `${plural(Math.floor(past / 86400), 'day')} ago`;
}

const dateAndTime = time => {
  const it = new Date(time);
  return `${it.getFullYear()}-${two(it.getMonth() + 1)}-${two(it.getDate())} ${two(it.getHours())}:${two(it.getMinutes())}:${two(it.getSeconds())}`;
};

function showTime(node, time, text) {
  if (node.firstElementChild?.dateTime !== time) node.replaceChildren(element('time', { datetime: time, title: dateAndTime(time) }));
  put(node.firstElementChild, text);
}

// Names with their values: [[name, value, more]].
function showPairs(list, pairs, figure) {
  keyed(list, pairs, pair => pair[0], pair => element('div', {}, element('dt', {}, pair[0]), element('dd', figure ? { class: 'figure' } : {}), element('dd', { class: 'note' })), (node, pair) => {
    put(node.children[1], pair[1]);
    put(node.children[2], pair[2] ?? '');
  });
}
