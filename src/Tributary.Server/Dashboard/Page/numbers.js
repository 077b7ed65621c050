// Numbers as text, by the same rules as Figures.cs has for the tables.

const none = '\u2013';
const lossDecimals = x => x === 0 ? 0 : Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(x)))));
const loss = x => x == null ? none : x.toFixed(lossDecimals(x));
const percent = x => (100 * x).toFixed(Math.abs(x) < 0.1 ? 2 : 1) + ' %';
const two = x => String(x).padStart(2, '0');

function seconds(x) {
  if (x < 1) return x.toFixed(3) + ' s';
  if (x < 10) return x.toFixed(2) + ' s';
  if (x < 59.95) return x.toFixed(1) + ' s';
  const s = Math.round(x), m = Math.round(x / 60);
  return x < 3599.5 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${Math.floor(m / 60)} h ${two(m % 60)} min`;
}

function bytes(x) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let unit = 0;
  while (Math.abs(x) >= 1024) { x /= 1024; unit++; }
  return x.toFixed(unit === 0 ? 0 : x < 100 ? 2 : 1) + ' ' + units[unit];
}

// The unit in which an axis up to this value reads well, and its size.
const byteUnit = max => [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]].find(unit => max >= unit[1]) ?? ['B', 1];
const timeUnit = max => max >= 7200 ? ['h', 3600] : max >= 120 ? ['min', 60] : ['s', 1];
const short = x => String(+x.toPrecision(4));
