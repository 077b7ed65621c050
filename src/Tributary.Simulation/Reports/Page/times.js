// The chart of the phases of each round: the server's, and those of one site or of the sites' mean.

const phases = [
  { name: 'encodeSeconds', label: 'Encode', color: '--c6', shape: 'block' },
  { name: 'downloadSeconds', label: 'Download', color: '--c1', shape: 'block', ofSite: true },
  { name: 'trainSeconds', label: 'Train', color: '--c3', shape: 'block', ofSite: true },
  { name: 'evaluateSeconds', label: 'Evaluate', color: '--c5', shape: 'block', ofSite: true },
  { name: 'uploadSeconds', label: 'Upload', color: '--c2', shape: 'block', ofSite: true },
  { name: 'mergeSeconds', label: 'Merge', color: '--c4', shape: 'block' },
];
const sitePhases = phases.filter(phase => phase.ofSite);
const siteTime = part => sitePhases.reduce((total, phase) => total + part[phase.name], 0);

// The times of a round's sites that are drawn; nothing where the site was not there.
function chosenPart(choice, round) {
  if (round.sites.length === 0) return undefined;
  if (choice === 'slowest') return round.sites.reduce((slowest, part) => siteTime(part) > siteTime(slowest) ? part : slowest);
  if (choice !== 'mean') return round.sites.find(part => part.site === siteNames[+choice]);
  const mean = phase => round.sites.reduce((total, part) => total + part[phase.name], 0) / round.sites.length;
  return Object.fromEntries(sitePhases.map(phase => [phase.name, mean(phase)]));
}

function timeOption(choice, on) {
  const rows = rounds.map(round => ({ ...round, part: chosenPart(choice, round) }));
  const value = (row, phase) => (phase.ofSite ? row.part?.[phase.name] : row[phase.name]) ?? 0;
  const longest = rows.map(row => Math.max(row.seconds, phases.reduce((total, phase) => total + value(row, phase), 0)));
  const [unit, size] = timeUnit(Math.max(0, ...longest));
  const shown = phases.filter(phase => on.has(phase.name));
  const title = row => `Round ${row.round}` + (row.part?.site ? `, ${row.part.site}` : '');
  const option = frame(rows.map(row => String(row.round)), unit, at => tip(title(rows[at]), [
    ...(on.has('round') ? [{ label: 'The whole round', value: seconds(rows[at].seconds), color: css('--ink'), shape: 'diamond' }] : []),
    ...shown.map(phase => ({ label: phase.label, value: seconds(value(rows[at], phase)), color: css(phase.color), shape: 'block' })),
  ]), true);
  option.series = shown.map(phase => ({
    type: 'bar', stack: 'phases', barMaxWidth: 48, emphasis: { disabled: true }, color: css(phase.color),
    data: rows.map(row => value(row, phase) / size),
  }));
  if (on.has('round')) {
    option.series.push({
      type: 'scatter', symbol: 'diamond', symbolSize: rows.length > 40 ? 5 : 9, z: 5, itemStyle: { color: css('--ink'), opacity: 1 },
      emphasis: { disabled: true }, data: rows.map(row => row.seconds / size),
    });
  }
  return option;
}

function drawTime() {
  const select = document.getElementById('time-site');
  const several = [['slowest', 'the slowest in each round'], ['mean', 'their mean']];
  const choices = [...(siteNames.length === 1 ? [] : several), ...siteNames.map((name, at) => [String(at), name])];
  select.append(...choices.map(([value, label]) => element('option', { value }, label)));
  const on = new Set([...phases.map(phase => phase.name), 'round']);
  const draw = chart('time-chart', () => timeOption(select.value, on));
  select.addEventListener('change', draw);
  return legend('time-legend', [...phases, { name: 'round', label: 'The whole round', color: '--ink', shape: 'diamond' }], on, draw);
}
