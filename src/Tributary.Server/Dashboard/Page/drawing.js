// What all charts have in common: colours, legends, tooltips, axes. The colours are those of theme.css.

const symbols = ['circle', 'triangle', 'rect', 'diamond'];
const charts = [];

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const siteVariable = at => `--c${at % 6 + 1}`;
const siteColor = at => css(siteVariable(at));
const siteSymbol = at => symbols[(at + Math.floor(at / 12)) % 4];

function element(name, attributes, ...children) {
  const it = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => it.setAttribute(key, value));
  it.append(...children);
  return it;
}

// A sample of a line or a bar for legends and tooltips: shape is a symbol, 'solid', 'dashed' or 'block'.
function swatch(color, shape) {
  const paths = {
    circle: 'M7 2a4 4 0 1 1 0 8a4 4 0 1 1 0-8z', triangle: 'M7 1.5l5 9h-10z', rect: 'M3 2h8v8h-8z', diamond: 'M7 1l5 5l-5 5l-5-5z',
    block: 'M1 1h12v10h-12z', solid: 'M0 5h14v2.4h-14z', dashed: 'M0 5h5.5v2h-5.5zM8.5 5h5.5v2h-5.5z',
  };
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  Object.entries({ width: 14, height: 12, 'aria-hidden': true }).forEach(([key, value]) => svg.setAttribute(key, value));
  path.setAttribute('d', paths[shape]);
  path.style.fill = color;
  svg.append(path);
  return svg;
}

// Buttons that switch entries on and off: [{ name, label, color, shape }]; `on` is the set of the names that are shown.
function legend(id, entries, on, changed) {
  const box = document.getElementById(id);
  const buttons = entries.map(entry => {
    const button = element('button', { type: 'button', title: entry.label }, element('span', {}, entry.label));
    button.addEventListener('click', () => {
      if (!on.delete(entry.name)) on.add(entry.name);
      refresh();
      changed();
    });
    return button;
  });
  const refresh = () => buttons.forEach((button, at) => {
    button.setAttribute('aria-pressed', on.has(entries[at].name));
    button.querySelector('svg')?.remove();
    button.prepend(swatch(css(entries[at].color), entries[at].shape));
  });
  box.append(...buttons);
  refresh();
  return { box, refresh };
}

function tip(title, lines) {
  const shown = lines.slice(0, 9);
  const box = element('div', { class: 'tip' }, element('b', {}, title));
  box.append(...shown.map(line =>
    element('div', {}, swatch(line.color, line.shape), element('span', {}, line.label), element('span', {}, line.value))));
  if (lines.length > shown.length) box.append(element('div', {}, `and ${lines.length - shown.length} more`));
  return box;
}

// An empty chart over rounds. `tooltip` gives what to show of the entry at a place; `band`: each has a width, for bars.
function frame(labels, unit, tooltip, band) {
  const text = { color: css('--soft'), fontFamily: 'inherit', fontSize: 12 };
  return {
    animation: false,
    grid: { left: 4, right: 16, top: 28, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    tooltip: {
      trigger: 'axis', confine: true, transitionDuration: 0,
      formatter: items => items.length ? tooltip(items[0].dataIndex) : '',
      axisPointer: {
        type: band ? 'shadow' : 'line', lineStyle: { color: css('--soft') }, shadowStyle: { color: css('--soft'), opacity: 0.12 },
      },
      backgroundColor: css('--paper'), borderColor: css('--rule'), textStyle: { color: css('--ink'), fontFamily: 'inherit' },
    },
    xAxis: {
      type: 'category', data: labels, boundaryGap: band, axisLabel: { ...text, hideOverlap: true }, axisTick: { show: false },
      axisLine: { onZero: false, lineStyle: { color: css('--rule') } },
    },
    yAxis: {
      type: 'value', scale: !band, name: unit, nameTextStyle: { ...text, align: 'left' }, nameGap: 10,
      axisLabel: { ...text, formatter: short }, splitLine: { lineStyle: { color: css('--rule') } },
    },
    series: [],
  };
}

function line(name, data, color, symbol, more) {
  const crowded = data.length > 40;
  const alone = at => data[at - 1] == null && data[at + 1] == null; // no line would show it
  return {
    type: 'line', name, symbol, itemStyle: { color }, lineStyle: { width: 1.6, color, ...more?.lineStyle }, z: more?.z ?? 2,
    connectNulls: false, emphasis: { disabled: true },
    data: data.map((value, at) => ({ value, symbolSize: !crowded || alone(at) ? more?.size ?? 6 : 0 })),
  };
}

// The smallest and the largest of many sites, as a band.
function range(values, color) {
  const common = {
    type: 'line', stack: 'range', symbol: 'none', silent: true, lineStyle: { opacity: 0 }, z: 1, emphasis: { disabled: true }, color,
  };
  return [
    { ...common, data: values.map(pair => pair?.[0] ?? null) },
    { ...common, data: values.map(pair => pair ? pair[1] - pair[0] : null), areaStyle: { color, opacity: 0.25, origin: 'auto' } },
  ];
}

const rangeTip = pair => ({
  label: 'Range of the sites', value: `${loss(pair[0])} to ${loss(pair[1])}`, color: css('--c1'), shape: 'block',
});

// Draws what `build` gives, and gives the function that draws it again. SVG is sharp in print; its attributes of style are what a policy
// without 'unsafe-inline' forbids, where it has to be a canvas.
function chart(id, build, renderer = 'svg') {
  const box = document.getElementById(id);
  const it = echarts.init(box, null, { renderer });
  const draw = () => it.setOption(build(), { notMerge: true });
  draw();
  new ResizeObserver(() => { if (!it.isDisposed() && !('print' in document.documentElement.dataset)) it.resize(); }).observe(box);
  charts.push({ it, draw });
  return draw;
}
