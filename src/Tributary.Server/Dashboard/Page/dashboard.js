// The page: who looks, and which view is shown. Views are fragments, so that the page works under any path.

let me = { role: 'viewer', name: '' };
let view = null;

function refuseView(error) {
  byId('content').replaceChildren(
    element('h1', { tabindex: '-1' }, error.status === 404 ? 'It is not here' : 'The server says no'),
    element('p', { class: 'notice' }, error.message),
    element('p', {}, element('a', { href: '#/' }, 'All jobs')));
}

function open(template, title, show) {
  view?.stop();
  charts.splice(0).forEach(({ it }) => it.dispose());
  byId('content').replaceChildren(byId(template).content.cloneNode(true));
  document.title = `${title} – Tributary`;
  view = show();
}

function route(isFirst) {
  const path = location.hash.replace(/^#/, '') || '/';
  if (!path.startsWith('/')) return;
  const job = /^\/jobs\/([^/]+)$/.exec(path);
  if (job) {
    const name = decodeURIComponent(job[1]);
    open('job-view', name, () => showJob(name));
  } else if (path === '/sites') {
    open('sites-view', 'Sites', showSites);
  } else {
    open('jobs-view', 'Jobs', showJobs);
  }
  byId('pages').querySelectorAll('a').forEach(link => {
    const isHere = link.hash === (path === '/sites' ? '#/sites' : '#/');
    if (isHere) link.setAttribute('aria-current', job ? 'true' : 'page'); else link.removeAttribute('aria-current');
  });
  if (!isFirst) {
    scrollTo(0, 0);
    byId('content').querySelector('h1')?.focus();
  }
}

function begin() {
  byId('skip').addEventListener('click', event => { event.preventDefault(); byId('content').focus(); });
  byId('away-now').addEventListener('click', () => tryNow.forEach(wake => wake()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view?.redraw?.());
  addEventListener('hashchange', () => route(false));
  const who = follow(async signal => {
    me = await ask('v1/me', { signal });
    put(byId('who'), `${me.role}/${me.name}`);
    route(true);
    return null;
  }, refuseView);
  return who;
}

begin();
