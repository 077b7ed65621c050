// Draws an experiment's two charts. ConvergencePage puts the files into one function: numbers, drawing, this.

const report = JSON.parse(document.getElementById('report').textContent);
const settings = report.settings;
const roundLabels = settings[0].runs[0].losses.map((_, at) => String(at));
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
const curves = settings.map(setting => roundLabels.map((_, at) => mean(setting.runs.map(run => run.losses[at]))));
const bands = settings.map(setting => roundLabels.map((_, at) => {
  const values = setting.runs.map(run => run.losses[at]);
  return [Math.min(...values), Math.max(...values)];
}));
const shown = new Set(settings.slice(0, 8).map(setting => setting.name));

const byLoss = (a, b) => curves[a.at].at(-1) - curves[b.at].at(-1);
const shownSettings = () => settings.map((setting, at) => ({ name: setting.name, at })).filter(setting => shown.has(setting.name));

function curvesOption() {
  const option = frame(roundLabels, 'nats', round => tip(round === 0 ? 'Before training' : 'Round ' + roundLabels[round], shownSettings().sort(byLoss).map(setting => ({
    label: setting.name, value: loss(curves[setting.at][round]), color: siteColor(setting.at), shape: siteSymbol(setting.at),
  }))), false);
  shownSettings().forEach(setting => {
    option.series.push(...range(bands[setting.at], siteColor(setting.at)).map(series => ({ ...series, stack: 'range' + setting.at })));
    option.series.push(line(setting.name, curves[setting.at], siteColor(setting.at), siteSymbol(setting.at), { size: 4 }));
  });
  return option;
}

function costOption() {
  const judged = settings.map((setting, at) => ({ ...setting, at })).filter(setting => setting.regret && setting.byteShare);
  const text = { color: css('--soft'), fontFamily: 'inherit', fontSize: 12 };
  const axis = { nameTextStyle: text, axisLabel: text, splitLine: { lineStyle: { color: css('--rule') } }, axisLine: { lineStyle: { color: css('--rule') } } };
  return {
    animation: false,
    grid: { left: 4, right: 24, top: 28, bottom: 24, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    tooltip: {
      trigger: 'item', confine: true, transitionDuration: 0, backgroundColor: css('--paper'), borderColor: css('--rule'), textStyle: { color: css('--ink'), fontFamily: 'inherit' },
      formatter: item => {
        const setting = judged[item.dataIndex];
        const { mean, halfWidth } = setting.regret;
        return tip(setting.name, [
          { label: 'Bytes', value: percent(setting.byteShare), color: siteColor(setting.at), shape: siteSymbol(setting.at) },
          { label: 'Regret', value: `${percent(mean)} ± ${percent(halfWidth)}`, color: siteColor(setting.at), shape: siteSymbol(setting.at) },
        ]);
      },
    },
    xAxis: { type: 'log', name: '% of fp32', nameLocation: 'middle', nameGap: 28, min: value => 10 ** Math.floor(Math.log10(value.min)), max: 100, ...axis },
    yAxis: { type: 'value', name: '%', ...axis },
    series: [
      {
        type: 'custom', silent: true, data: judged.map(setting => [100 * setting.byteShare, 100 * (setting.regret.mean - setting.regret.halfWidth), 100 * (setting.regret.mean + setting.regret.halfWidth)]),
        renderItem: (_, api) => {
          const [from, to] = [1, 2].map(at => api.coord([api.value(0), api.value(at)]));
          return { type: 'line', shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] }, style: { stroke: css('--soft'), lineWidth: 1.2 } };
        },
      },
      {
        type: 'scatter', symbolSize: 9,
        data: judged.map(setting => ({
          value: [100 * setting.byteShare, 100 * setting.regret.mean], symbol: siteSymbol(setting.at), itemStyle: { color: siteColor(setting.at) },
          label: { show: true, formatter: setting.name, position: 'right', color: css('--soft'), fontSize: 11 },
        })),
        labelLayout: { hideOverlap: true },
      },
    ],
  };
}

document.documentElement.classList.remove('plain');
try {
  const drawCurves = chart('loss-chart', curvesOption);
  const legends = [legend('setting-legend', settings.map((setting, at) => ({ name: setting.name, label: setting.name, color: siteVariable(at), shape: siteSymbol(at) })), shown, drawCurves)];
  chart('cost-chart', costOption);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { legends.forEach(it => it.refresh()); charts.forEach(it => it.draw()); });
} catch (error) {
  document.documentElement.classList.add('plain');
  document.getElementById('broken').hidden = false;
  throw error;
}
