// The run's summary, as the page carries it.

const run = JSON.parse(document.getElementById('run').textContent);
const rounds = run.rounds;
const siteNames = run.sites.map(site => site.name);
