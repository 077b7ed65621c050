// The two charts of losses, and the choice of sites that they share.

const manySites = siteNames.length > 8;
const partOf = rounds.map(round => new Map(round.sites.map(part => [part.site, part])));
const lossLabels = ['0', ...rounds.map(round => String(round.round))];
const globalLoss = [run.initialLoss, ...rounds.map(round => round.globalLoss)];
const trained = name => [null, ...partOf.map(parts => parts.get(name)?.localLoss ?? null)];
// What a site received in a round is the model of the round before.
const received = name => [...partOf.map(parts => parts.get(name)?.receivedLoss ?? null), null];
const training = name => partOf.map(parts => parts.get(name)?.trainLoss ?? null);

const sitesOn = new Set(manySites ? [] : siteNames);
const linesOn = new Set(['global', 'trained', ...(manySites ? ['range'] : []), ...(siteNames.length <= 4 ? ['received'] : [])]);

function extremes(of, length) {
  const all = siteNames.map(of);
  return Array.from({ length }, (_, at) => {
    const values = all.map(data => data[at]).filter(value => value != null);
    return values.length ? [Math.min(...values), Math.max(...values)] : null;
  });
}

const shownSites = () => siteNames.map((name, at) => ({ name, at })).filter(site => sitesOn.has(site.name));

function lossOption() {
  const sites = shownSites().map(site => ({ ...site, trained: trained(site.name), received: received(site.name) }));
  const spread = manySites && linesOn.has('range') ? extremes(trained, lossLabels.length) : null;
  const option = frame(lossLabels, 'nats', at => tip(at === 0 ? 'Initial model' : 'Round ' + lossLabels[at], [
    ...(linesOn.has('global') && globalLoss[at] != null ? [{ label: 'Global model', value: loss(globalLoss[at]), color: css('--ink'), shape: 'solid' }] : []),
    ...(spread?.[at] ? [rangeTip(spread[at])] : []),
    ...sites.flatMap(site => ['trained', 'received'].filter(kind => linesOn.has(kind) && site[kind][at] != null).map(kind => ({
      label: `${site.name}, ${kind}`, value: loss(site[kind][at]),
      color: siteColor(site.at), shape: kind === 'trained' ? 'solid' : 'dashed',
    }))),
  ]), false);
  if (spread) option.series.push(...range(spread, css('--c1')));
  sites.forEach(site => {
    const color = siteColor(site.at), symbol = siteSymbol(site.at);
    if (linesOn.has('trained')) option.series.push(line(site.name, site.trained, color, symbol));
    const thin = { size: 4, lineStyle: { type: 'dashed', width: 1.2 } };
    if (linesOn.has('received')) option.series.push(line(site.name, site.received, color, symbol, thin));
  });
  const bold = { z: 5, size: 7, lineStyle: { width: 2.8 } };
  if (linesOn.has('global')) option.series.push(line('Global model', globalLoss, css('--ink'), 'circle', bold));
  return option;
}

function trainingOption() {
  const sites = shownSites().map(site => ({ ...site, data: training(site.name) }));
  const spread = manySites && linesOn.has('range') ? extremes(training, rounds.length) : null;
  const option = frame(lossLabels.slice(1), 'nats', at => tip('Round ' + lossLabels[at + 1], [
    ...(spread?.[at] ? [rangeTip(spread[at])] : []),
    ...sites.filter(site => site.data[at] != null)
      .map(site => ({ label: site.name, value: loss(site.data[at]), color: siteColor(site.at), shape: siteSymbol(site.at) })),
  ]), false);
  option.xAxis.boundaryGap = rounds.length === 1;
  if (spread) option.series.push(...range(spread, css('--c1')));
  option.series.push(...sites.map(site => line(site.name, site.data, siteColor(site.at), siteSymbol(site.at))));
  return option;
}

function drawLosses() {
  const drawLoss = chart('loss-chart', lossOption), drawTraining = chart('training-chart', trainingOption);
  const draw = () => { drawLoss(); drawTraining(); };
  const lines = legend('loss-legend', [
    { name: 'global', label: 'Global model', color: '--ink', shape: 'solid' },
    { name: 'trained', label: 'Sites, trained', color: '--soft', shape: 'solid' },
    { name: 'received', label: 'Sites, received', color: '--soft', shape: 'dashed' },
    ...(manySites ? [{ name: 'range', label: 'Range of the sites, trained', color: '--c1', shape: 'block' }] : []),
  ], linesOn, draw);
  const siteEntry = (name, at) => ({ name, label: name, color: siteVariable(at), shape: siteSymbol(at) });
  const sites = legend('site-legend', siteNames.map(siteEntry), sitesOn, draw);
  if (siteNames.length > 2) {
    [['No sites', []], ['All sites', siteNames]].forEach(([label, names]) => {
      const button = element('button', { type: 'button', class: 'all' }, label);
      button.addEventListener('click', () => { sitesOn.clear(); names.forEach(name => sitesOn.add(name)); sites.refresh(); draw(); });
      sites.box.prepend(button);
    });
  }
  return [lines, sites];
}
