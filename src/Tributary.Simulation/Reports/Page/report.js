// Draws the charts into a page whose tables are already there. ReportPage puts the files into one function, in this order:
// run, numbers, drawing, losses, bytes, times, report.

document.documentElement.classList.remove('plain');
try {
  const legends = [...drawLosses(), drawBytes(), drawTime()];
  const redraw = () => { legends.forEach(it => it.refresh()); charts.forEach(it => it.draw()); };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.print = '';
    charts.forEach(({ it }) => it.resize({ width: 640 })); // within the width of A4 and Letter
    redraw();
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.print;
    charts.forEach(({ it }) => it.resize({ width: 'auto' }));
    redraw();
  });
} catch (error) {
  document.documentElement.classList.add('plain');
  document.getElementById('broken').hidden = false;
  throw error;
}
