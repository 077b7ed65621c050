// The chart of bytes: what was sent in front of what fp32 would have been.

const directions = [
  { name: 'down', fp32: 'fp32Down', label: `To the sites, ${run.taskPrecision}`, color: '--c1', shape: 'block' },
  { name: 'up', fp32: 'fp32Up', label: `To the server, ${run.resultPrecision}`, color: '--c2', shape: 'block' },
];

// A row for each round, and one for what went out after the last to be evaluated.
function byteRows() {
  const left = (total, key) => rounds.reduce((rest, round) => rest - round[key], total);
  const rows = rounds.map(round => ({
    label: String(round.round), title: 'Round ' + round.round, down: round.bytesDown, up: round.bytesUp,
  }));
  const last = { label: 'eval', title: 'Last evaluation', down: left(run.bytesDown, 'bytesDown'), up: left(run.bytesUp, 'bytesUp') };
  if (last.down + last.up > 0) rows.push(last);
  const share = (part, all, fp32) => all > 0 ? part / all * fp32 : 0;
  return rows.map(row => ({
    ...row, fp32Down: share(row.down, run.bytesDown, run.fp32BytesDown), fp32Up: share(row.up, run.bytesUp, run.fp32BytesUp),
  }));
}

function byteOption(rows, on) {
  const shown = directions.filter(direction => on.has(direction.name));
  const keys = shown.flatMap(direction => on.has('fp32') ? [direction.name, direction.fp32] : [direction.name]);
  const [unit, size] = byteUnit(Math.max(0, ...rows.flatMap(row => keys.map(key => row[key]))));
  const figure = (part, fp32) => bytes(part) + (fp32 > 0 ? ` (${percent(part / fp32)} of fp32)` : '');
  const option = frame(rows.map(row => row.label), unit, at => tip(rows[at].title, shown.map(direction => ({
    label: direction.label, value: figure(rows[at][direction.name], rows[at][direction.fp32]), color: css(direction.color), shape: 'block',
  }))), true);
  // The same bars twice, on two axes that lie on each other: fp32 behind, what was sent in front.
  option.xAxis = [option.xAxis, { ...option.xAxis, show: false, position: 'bottom', axisPointer: { show: false } }];
  const bar = { type: 'bar', barMaxWidth: 36, barGap: '12%', barCategoryGap: '28%', emphasis: { disabled: true } };
  const bars = (xAxisIndex, key, color) => ({ ...bar, xAxisIndex, z: 2 + xAxisIndex, color, data: rows.map(row => row[key] / size) });
  option.series = [
    ...(on.has('fp32') ? shown.map(direction => bars(0, direction.fp32, css('--ghost'))) : []),
    ...shown.map(direction => bars(1, direction.name, css(direction.color))),
  ];
  return option;
}

function drawBytes() {
  const rows = byteRows();
  const on = new Set(['down', 'up', 'fp32']);
  const draw = chart('bytes-chart', () => byteOption(rows, on));
  return legend('bytes-legend', [...directions, { name: 'fp32', label: 'The same in fp32', color: '--ghost', shape: 'block' }], on, draw);
}
