// The chart of a job's held-out losses, and its figures as a table.

const linesMax = 8, columnsMax = 12, labelledRoundsMax = 60;

// Loaded with the first job that has a loss to show: the list needs no charts.
let library;
const loadCharts = () => library ??= new Promise((resolve, reject) => {
  const script = element('script', { src: 'assets/echarts.js' });
  script.addEventListener('load', resolve);
  script.addEventListener('error', () => { library = undefined; reject(new TypeError('the chart library cannot be loaded')); });
  document.head.append(script);
});

// The rounds along the axis: all of the job, if they are few enough, so that one sees how much is ahead.
function roundsOf(job) {
  const last = job.models.length ? job.models[job.models.length - 1].round : 0;
  return Array.from({ length: (job.line.rounds <= labelledRoundsMax ? job.line.rounds : last) + 1 }, (_, at) => at);
}

function lossLabel(job) {
  const known = job.models.filter(model => model.loss != null);
  const [first, last] = [known[0], known[known.length - 1]];
  const best = known.find(model => model.round === job.bestRound);
  const course = first === last
    ? `It is ${loss(first.loss)} in round ${first.round}.`
    : `It goes from ${loss(first.loss)} in round ${first.round} to ${loss(last.loss)} in round ${last.round}; its lowest is ${loss(best?.loss)}, in round ${best?.round}.`;
  return `Line chart of the held-out loss over ${plural(job.line.rounds, 'round')}. ${course} The figures follow below.`;
}

// Gives the function that draws a job's losses, made anew for each view of a job.
function lossChart() {
  let job, shown, draw, choice;
  const on = new Set(['global']);
  const names = () => job.sites.map(site => site.site);
  const siteEntry = (name, at) => ({ name: `site/${name}`, label: name, color: siteVariable(at), shape: siteSymbol(at) });

  const option = () => {
    const rounds = roundsOf(job), models = new Map(job.models.map(model => [model.round, model]));
    const lines = names().map(siteEntry).filter(entry => on.has(entry.name)).map(entry => ({
      ...entry, data: rounds.map(round => models.get(round)?.siteLosses[entry.label] ?? null),
    }));
    const global = rounds.map(round => models.get(round)?.loss ?? null);
    const spread = on.has('range') ? rounds.map(round => {
      const values = Object.values(models.get(round)?.siteLosses ?? {});
      return values.length ? [Math.min(...values), Math.max(...values)] : null;
    }) : null;
    const it = frame(rounds.map(String), 'nats', at => tip(at === 0 ? 'Initial model' : `Round ${at}`, [
      ...(on.has('global') && global[at] != null ? [{ label: 'Global model', value: loss(global[at]), color: css('--ink'), shape: 'solid' }] : []),
      ...(spread?.[at] ? [rangeTip(spread[at])] : []),
      ...lines.filter(entry => entry.data[at] != null).map(entry => ({ label: entry.label, value: loss(entry.data[at]), color: css(entry.color), shape: entry.shape })),
    ]), false);
    if (spread) it.series.push(...range(spread, css('--c1')));
    lines.forEach(entry => it.series.push(line(entry.label, entry.data, css(entry.color), entry.shape)));
    if (on.has('global')) it.series.push(line('Global model', global, css('--ink'), 'circle', { z: 5, size: 7, lineStyle: { width: 2.8 } }));
    return it;
  };

  const begin = () => {
    const many = names().length > linesMax;
    const entries = [
      { name: 'global', label: 'Global model', color: '--ink', shape: 'solid' },
      ...(many ? [{ name: 'range', label: 'Range of the sites', color: '--c1', shape: 'block' }] : names().map(siteEntry)),
    ];
    entries.forEach(entry => on.add(entry.name));
    draw = chart('loss-chart', option, 'canvas');
    choice = legend('loss-legend', entries, on, draw);
  };

  const show = async now => {
    const state = JSON.stringify(now.models);
    const isKnown = now.models.some(model => model.loss != null);
    setHidden(byId('loss-none'), isKnown);
    ['loss-chart', 'loss-legend', 'loss-figures'].forEach(id => setHidden(byId(id), !isKnown));
    if (!isKnown || state === shown) return;
    job = now;
    shown = state;
    showLossFigures(job);
    byId('loss-chart').setAttribute('aria-label', lossLabel(job));
    await loadCharts();
    if (!byId('loss-chart')) return; // the view was left meanwhile
    if (draw) draw(); else begin();
  };
  return { show, redraw: () => { choice?.refresh(); draw?.(); } };
}

function showLossFigures(job) {
  const sites = job.sites.map(site => site.site).slice(0, columnsMax);
  const cell = (name, attributes) => text => element(name, attributes, text);
  const head = ['Round', 'Global model', ...sites].map(cell('th', { scope: 'col' }));
  byId('loss-head').replaceChildren(element('tr', {}, ...head));
  byId('loss-rows').replaceChildren(...job.models.filter(model => model.loss != null).map(model => {
    const first = element('th', { scope: 'row' }, String(model.round));
    if (model.round === job.bestRound) first.append(' ', element('span', { class: 'tag best' }, 'best'));
    return element('tr', {}, first, ...[loss(model.loss), ...sites.map(site => loss(model.siteLosses[site]))].map(cell('td', {})));
  }));
}
