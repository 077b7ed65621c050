// The list of jobs.

function showJobs() {
  const labels = ['Job', 'State', 'Round', 'Held-out loss', 'Sites', 'Submitted by', 'Submitted'];
  const make = job => {
    const it = row(labels);
    it.cells[0].append(element('a', { href: `#/jobs/${encodeURIComponent(job.name)}` }, job.name), element('span', { class: 'note' }));
    it.cells[1].append(element('span', {}));
    it.cells[2].append(element('span', {}), element('progress', { 'aria-hidden': 'true' }));
    return it;
  };
  const fill = (it, job) => {
    put(it.cells[0].lastChild, job.reason ?? '');
    showState(it.cells[1].firstChild, job.state);
    put(it.cells[2].firstChild, `${count(job.round)} of ${count(job.rounds)}`);
    showProgress(it.cells[2].lastChild, job.round, job.rounds);
    put(it.cells[3], loss(job.loss));
    put(it.cells[4], count(job.sites));
    put(it.cells[5], job.submitter);
    showTime(it.cells[6], job.submitted, ago(job.submitted));
  };
  return follow(async signal => {
    const jobs = await ask('v1/jobs', { signal });
    setHidden(document.querySelector('.list'), jobs.length === 0);
    put(byId('no-jobs'), jobs.length === 0 ? 'There are no jobs yet. An administrator submits one with: tributary job submit job.yaml' : '');
    keyed(byId('jobs'), jobs, job => job.name, make, fill);
    return jobs.some(job => !hasEnded(job.state)) ? 2000 : 5000;
  }, refuseView);
}
