// What happened to a job: as it happens, and said to those who cannot see it.

const eventsShown = 30, eventsWait = 25;

// What is worth interrupting somebody for, and what is a reason to look.
const eventsSaid = new Set(['started', 'model-saved', 'site-left-out', 'site-waits', 'task-failed', 'task-retried', 'finished', 'failed', 'aborted', 'resumed']);
const eventsBad = new Set(['site-left-out', 'task-failed', 'task-retried', 'failed', 'aborted']);

function eventPlace(event) {
  return [event.round == null ? null : `round ${event.round}`, event.site].filter(it => it != null).join(', ');
}

function eventRow(event) {
  const place = eventPlace(event);
  const time = element('time', { datetime: event.time, title: dateAndTime(event.time) }, dateAndTime(event.time));
  return element('li', eventsBad.has(event.kind) ? { class: 'bad' } : {}, time, element('span', {}, place ? element('b', {}, `${place}: `) : '', event.text));
}

// Follows a job's events; `happened` is called after each that is new.
function showEvents(job, happened) {
  const events = [];
  let all = false, isFirst = true;
  const draw = () => {
    const shown = events.slice(all ? 0 : -eventsShown).reverse();
    keyed(byId('events'), shown, event => event.number, eventRow, () => {});
    setHidden(byId('events-more'), shown.length === events.length);
    put(byId('events-more'), `Show all ${count(events.length)} events`);
  };
  byId('events-more').addEventListener('click', () => { all = true; draw(); });
  return follow(async signal => {
    const after = events.length ? events[events.length - 1].number : 0;
    const news = await ask(`${jobPath(job)}/events?after=${after}`, { wait: isFirst ? 0 : eventsWait, signal });
    events.push(...news);
    if (news.length) draw();
    const said = isFirst ? null : news.filter(event => eventsSaid.has(event.kind)).pop();
    if (said) put(byId('said'), [`Job ${job}`, eventPlace(said), said.text].filter(Boolean).join(', '));
    if (news.length && !isFirst) happened();
    isFirst = false;
    return 200; // so that a burst of events comes together
  }, () => {});
}
