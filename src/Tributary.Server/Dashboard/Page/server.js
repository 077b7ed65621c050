// Asking the server, again and again while somebody looks.

const retryFirst = 1000, retryLast = 30000;

// A request that nobody answers; a long poll has that long on top of what it waits.
const answerWithin = 20000;

let clockAhead = 0;
const serverNow = () => Date.now() + clockAhead;

class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// What the server answers; throws Refused with its own words where it says no.
async function ask(path, { method = 'GET', wait = 0, signal } = {}) {
  const limit = AbortSignal.timeout(answerWithin + 1000 * wait);
  const response = await fetch(path, {
    method, headers: wait ? { Prefer: `wait=${wait}` } : {}, cache: 'no-store', redirect: 'error', signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  const date = Date.parse(response.headers.get('Date'));
  if (date) clockAhead = date - Date.now();
  const text = await response.text();
  let answer;
  try { answer = JSON.parse(text); } catch { answer = null; }
  if (!response.ok) throw new Refused(response.status, answer?.detail ?? `the server answered ${response.status}`);
  return answer;
}

const jobPath = job => `v1/jobs/${encodeURIComponent(job)}`;

// Which of the page's loops get no answer, and why. One banner says so for all of them.
const away = new Map();

function showAway() {
  const [first] = away.values();
  setHidden(byId('away'), !first);
  if (!first) return;
  const why = first.error ? `The server is out of reach: ${first.error}` : 'The server does not answer.';
  put(byId('away-text'), `${why} Shown is what it said at ${first.since}; it is asked again every ${Math.round(first.pause / 1000)} s.`);
}

function noteAway(loop, error, pause) {
  const since = away.get(loop)?.since ?? dateAndTime(loop.answered ?? Date.now()).slice(11);
  away.set(loop, { since, pause, error: error instanceof Refused ? error.message : null });
  showAway();
}

const tryNow = new Set();

// Runs `step` until the view is left: it gives the milliseconds to pause, or null to end. Nothing is asked while the page is hidden, and ever
// more seldom while the server is away. `refused` is told of a no that asking again will not change.
function follow(step, refused) {
  const left = new AbortController();
  const loop = { answered: null };
  // Woken while it asks, it does not pause: the answer may be older than what it was woken for.
  let isWoken = false, resume = () => {};
  const wake = () => { isWoken = true; resume(); };
  const pause = async milliseconds => {
    if (!isWoken && !left.signal.aborted) {
      await new Promise(resolve => {
        const timer = setTimeout(resolve, milliseconds);
        resume = () => { clearTimeout(timer); resolve(); };
      });
    }
    isWoken = false;
  };
  const run = async () => {
    let delay = retryFirst;
    while (!left.signal.aborted) {
      if (document.hidden) {
        await new Promise(resolve => document.addEventListener('visibilitychange', resolve, { once: true }));
        continue;
      }
      const hidden = new AbortController();
      const hide = () => hidden.abort();
      document.addEventListener('visibilitychange', hide, { once: true });
      try {
        const rest = await step(AbortSignal.any([left.signal, hidden.signal]));
        loop.answered = Date.now();
        delay = retryFirst;
        if (away.delete(loop)) showAway();
        if (rest == null) return;
        await pause(rest);
      } catch (error) {
        if (left.signal.aborted || hidden.signal.aborted) continue;
        if (error instanceof Refused && error.status < 500 && error.status !== 429) {
          refused(error);
          return;
        }
        if (!(error instanceof Refused || error.name === 'TypeError' || error.name === 'TimeoutError')) throw error;
        noteAway(loop, error, delay);
        await pause(delay);
        delay = Math.min(2 * delay, retryLast);
      } finally {
        document.removeEventListener('visibilitychange', hide);
      }
    }
  };
  tryNow.add(wake);
  run().finally(() => { tryNow.delete(wake); if (away.delete(loop)) showAway(); });
  return { stop: () => { left.abort(); resume(); }, wake };
}
