// Runs in the page: what is wrong with it for somebody who reads it on this screen. Ratios are those of WCAG 2.2, AA.
() => {
  const problems = [];
  const isSeen = it => it.checkVisibility({ visibilityProperty: true }) && !it.closest('.unseen, .skip') && it.getBoundingClientRect().width > 1;
  const what = it => `<${it.tagName.toLowerCase()}${it.id ? ` id=${it.id}` : ''}${it.className && it.className.trim ? ` class=${it.className}` : ''}> ${it.textContent.trim().slice(0, 40)}`;

  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...document.querySelectorAll('body *')].filter(it => isSeen(it) && it.getBoundingClientRect().right > innerWidth + 1 && !it.closest('.scroll:not(.list)'));
    problems.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} in ${innerWidth}; ${wide.slice(0, 3).map(what).join('; ')}`);
  }

  const parse = color => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => below.map((value, at) => at === 3 ? 1 : top[at] * top[3] + value * (1 - top[3]));
  const ground = it => {
    const layers = [];
    for (let at = it; at; at = at.parentElement) {
      layers.push(parse(getComputedStyle(at).backgroundColor));
      if (layers[layers.length - 1][3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = color => {
    const [r, g, b] = color.slice(0, 3).map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  document.querySelectorAll('body *').forEach(it => {
    const hasText = [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!hasText || !isSeen(it)) return;
    const style = getComputedStyle(it), size = parseFloat(style.fontSize);
    const below = ground(it), ratio = contrast(over(parse(style.color), below), below);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) problems.push(`contrast ${ratio.toFixed(2)} of ${what(it)}`);
    if (size < 12) problems.push(`letters of ${size} px: ${what(it)}`);
  });

  // What carries meaning without being text: the dot of a state, the bar of a progress.
  document.querySelectorAll('.state').forEach(it => {
    const dot = parse(getComputedStyle(it, '::before').backgroundColor);
    if (isSeen(it) && contrast(dot, ground(it)) < 3) problems.push(`the dot of ${what(it)}`);
  });

  const name = it => it.getAttribute('aria-label') || document.getElementById(it.getAttribute('aria-labelledby'))?.textContent || it.getAttribute('alt') || it.textContent.trim();
  document.querySelectorAll('a[href], button, progress:not([aria-hidden]), [role=img], [role=group], [role=region], table, dialog, nav').forEach(it => {
    if (isSeen(it) && !name(it)) problems.push(`without a name: ${what(it)}`);
  });
  document.querySelectorAll('img:not([alt])').forEach(it => problems.push(`no alt: ${what(it)}`));
  document.querySelectorAll('button, a.brand, nav a').forEach(it => {
    const box = it.getBoundingClientRect();
    if (isSeen(it) && box.height < 24) problems.push(`${box.height} px high: ${what(it)}`);
  });
  const ids = [...document.querySelectorAll('[id]')].map(it => it.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach(id => problems.push(`two of id ${id}`));
  document.querySelectorAll('[aria-labelledby], [aria-describedby]').forEach(it => ['aria-labelledby', 'aria-describedby'].forEach(by => {
    if (it.hasAttribute(by) && !document.getElementById(it.getAttribute(by))) problems.push(`${by} leads nowhere: ${what(it)}`);
  }));
  if (document.querySelectorAll('h1').length !== 1) problems.push('there should be one h1');
  if (!document.documentElement.lang) problems.push('no language');
  if (!document.title.includes('Tributary')) problems.push(`title ${document.title}`);
  return problems;
}
