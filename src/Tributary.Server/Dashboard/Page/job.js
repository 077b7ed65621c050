// One job: how it stands, its sites, its losses and events.

const partsShown = 200;

function showJob(name) {
  put(byId('job-name'), name);
  const losses = lossChart();
  let running = false;
  const standing = follow(async signal => {
    const job = await ask(jobPath(name), { signal });
    running = job.line.state === 'Running';
    showHead(job, () => standing.wake());
    showCards(job);
    showParts(job);
    showFacts(job);
    await losses.show(job);
    // A job that has ended changes with an event, if at all.
    return running ? 1000 : hasEnded(job.line.state) ? 30000 : 3000;
  }, refuseView);
  const events = showEvents(name, () => standing.wake());
  return { stop() { standing.stop(); events.stop(); }, redraw: losses.redraw };
}

function showHead(job, changed) {
  const { line } = job;
  showState(byId('job-state'), line.state);
  const doing = line.state === 'Running' && job.doing ? ` – ${job.doing}` : '';
  put(byId('job-doing'), `${line.workflow}, round ${count(line.round)} of ${count(line.rounds)}${doing}`);
  setHidden(byId('job-reason'), !line.reason);
  byId('job-reason').classList.toggle('bad', line.state === 'Failed');
  put(byId('job-reason'), line.reason ?? '');
  const saved = job.models.length ? job.models[job.models.length - 1].round : 0;
  showProgress(byId('job-progress'), saved, line.rounds);
  showMoves(job, changed);
}

function showCards(job) {
  const known = job.models.filter(model => model.loss != null);
  const [first, last] = [known[0], known[known.length - 1]];
  const best = known.find(model => model.round === job.bestRound);
  const { bytesDown, bytesUp, bytesAsFp32 } = job.traffic;
  const sent = bytesDown + bytesUp;
  const speed = phase => job.sites.filter(site => site.phase === phase).reduce((sum, site) => sum + (site.bytesPerSecond ?? 0), 0);
  const now = phase => speed(phase) > 0 ? `${bytes(speed(phase))}/s now` : '';
  const elapsed = job.started ? (Date.parse(job.ended ?? new Date(serverNow()).toISOString()) - Date.parse(job.started)) / 1000 : null;
  showPairs(byId('job-cards'), [
    ['Held-out loss', !last ? none : first === last ? loss(last.loss) : `${loss(first.loss)} → ${loss(last.loss)}`, last ? `known up to round ${last.round}` : 'not known yet'],
    ['Best model', best ? best.round === 0 ? 'Initial' : `Round ${best.round}` : none, best ? `held-out loss ${loss(best.loss)}` : ''],
    ['Saved against fp32', sent > 0 && bytesAsFp32 > 0 ? percent(1 - sent / bytesAsFp32) : none, sent > 0 ? `${bytes(sent)} instead of ${bytes(bytesAsFp32)}` : 'nothing has moved yet'],
    ['To the sites', bytes(bytesDown), now('Downloading')],
    ['From the sites', bytes(bytesUp), now('Uploading')],
    ['Time', elapsed == null ? none : seconds(Math.max(0, elapsed)), job.run > 1 ? `run ${job.run}` : ''],
  ], true);
}

const partLabels = ['Site', 'Doing', 'Progress', 'Loss', 'Speed', 'Last heard of'];

function makePart(site) {
  const it = row(partLabels);
  it.cells[0].append(site.site, element('span', { class: 'note' }));
  it.cells[2].append(element('progress', { 'aria-label': `Progress of ${site.site}` }), element('span', {}));
  return it;
}

function partSpeed(site) {
  if (site.bytesPerSecond) return `${bytes(site.bytesPerSecond)}/s`;
  return site.tokensPerSecond ? `${short(Math.round(site.tokensPerSecond))} tokens/s` : none;
}

function showParts(job) {
  const running = job.line.state === 'Running';
  const known = job.models.filter(model => model.loss != null).pop();
  const busy = site => ['Waiting', 'Done'].includes(site.phase) ? 0 : 1;
  // With many of them, those that do something and those that something happened to.
  const shown = job.sites.length <= partsShown ? job.sites : [...job.sites].sort((a, b) => busy(b) - busy(a) || (b.note ? 1 : 0) - (a.note ? 1 : 0)).slice(0, partsShown);
  byId('parts-table').classList.toggle('idle', !running);
  setHidden(byId('parts-more'), shown.length === job.sites.length);
  put(byId('parts-more'), `and ${count(job.sites.length - shown.length)} more sites, which are idle.`);
  keyed(byId('parts'), shown, site => site.site, makePart, (it, site) => {
    const isBusy = running && busy(site) === 1 && site.total > 0;
    const isDone = running && site.phase === 'Done';
    put(it.cells[0].lastChild, site.note ?? '');
    put(it.cells[1], running ? site.phase.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase() : none);
    it.cells[1].className = running ? `phase ${site.phase}` : '';
    const [bar, text] = it.cells[2].children;
    setHidden(bar, !isBusy && !isDone);
    showProgress(bar, isDone ? 1 : site.done, isDone ? 1 : site.total);
    put(text, isBusy ? percent(Math.min(1, site.done / site.total)) : isDone ? 'done' : none);
    put(it.cells[3], loss(site.loss ?? known?.siteLosses[site.site]));
    put(it.cells[4], running ? partSpeed(site) : none);
    if (site.seen) showTime(it.cells[5], site.seen, ago(site.seen)); else put(it.cells[5], 'not since the server was started');
  });
}

function showFacts(job) {
  const { line, model } = job;
  showPairs(byId('job-facts'), [
    ['Model', model.name, `${plural(model.parameters, 'parameter')}`],
    ['Workflow', line.workflow],
    ['Submitted by', line.submitter, dateAndTime(line.submitted)],
    ['Started', job.started ? dateAndTime(job.started) : none, job.run > 1 ? `run ${job.run}` : ''],
    ['Ended', job.ended ? dateAndTime(job.ended) : none],
    ['Digest of the job', job.digest],
    ['Digest of the model', model.digest],
  ], false);
}
