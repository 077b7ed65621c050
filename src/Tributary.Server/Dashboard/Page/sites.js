// The sites that the server has heard of.

// A site that waits for a task asks anew within half of this; the server counts it as gone after the same time.
const awayAfter = 90000;

function showSites() {
  const make = site => {
    const it = row(['Site', 'Connection', 'Last heard of', 'Version']);
    it.cells[0].append(site.site);
    it.cells[1].append(element('span', {}));
    return it;
  };
  const fill = (it, site) => {
    const here = serverNow() - Date.parse(site.seen) < awayAfter;
    put(it.cells[1].firstChild, here ? 'connected' : 'away');
    it.cells[1].firstChild.className = `state ${here ? 'Finished' : 'Aborted'}`;
    showTime(it.cells[2], site.seen, ago(site.seen));
    put(it.cells[3], site.version ?? none);
  };
  return follow(async signal => {
    const sites = await ask('v1/sites', { signal });
    const here = sites.filter(site => serverNow() - Date.parse(site.seen) < awayAfter).length;
    put(byId('sites-note'), sites.length === 0
      ? 'No site has been heard of since the server was started.'
      : `${count(here)} of ${plural(sites.length, 'site')} connected. Sites that have not been heard of since the server was started are not listed.`);
    setHidden(document.querySelector('.list'), sites.length === 0);
    keyed(byId('sites'), sites, site => site.site, make, fill);
    return 3000;
  }, refuseView);
}
