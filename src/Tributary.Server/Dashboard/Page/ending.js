// Ending a job and going on with one, for administrators, after asking whether they are sure.

const moves = {
  abort: {
    button: 'End job …', title: job => `End job ${job}?`, yes: 'End the job', no: 'Let it go on', bad: true,
    text: 'Its sites throw away what they work on. Rounds that are done stay, and the job can be resumed from the last of them.',
  },
  resume: {
    button: 'Resume job …', title: job => `Resume job ${job}?`, yes: 'Resume the job', no: 'Leave it', bad: false,
    text: 'It goes on from the last round that is done, as soon as enough of its sites are connected.',
  },
};

const moveOf = state => hasEnded(state) ? state === 'Finished' ? null : 'resume' : 'abort';

// Asks in a dialog, and gives whether it has been done. The dialog stays open with the server's words where that refuses.
function confirmMove(job, name) {
  const move = moves[name], dialog = byId('sure'), yes = byId('sure-yes'), no = byId('sure-no'), error = byId('sure-error');
  put(byId('sure-title'), move.title(job));
  put(byId('sure-text'), move.text);
  put(yes, move.yes);
  put(no, move.no);
  yes.classList.toggle('bad', move.bad);
  yes.disabled = false;
  error.hidden = true;
  return new Promise(resolve => {
    let done = false;
    no.onclick = () => dialog.close();
    dialog.onclose = () => resolve(done);
    yes.onclick = async () => {
      yes.disabled = true;
      try {
        await ask(`${jobPath(job)}/${name}`, { method: 'POST' });
        done = true;
        dialog.close();
      } catch (failure) {
        put(error, failure instanceof Refused ? failure.message : 'The server does not answer.');
        error.hidden = false;
        yes.disabled = false;
      }
    };
    dialog.showModal();
    no.focus();
  });
}

function showMoves(job, changed) {
  const name = me.role === 'admin' ? moveOf(job.line.state) : null;
  keyed(byId('job-buttons'), name ? [name] : [], it => it, it => {
    const button = element('button', { type: 'button', ...(moves[it].bad ? { class: 'bad' } : {}) }, moves[it].button);
    button.addEventListener('click', async () => {
      const done = await confirmMove(job.line.name, it);
      if (!done) return;
      changed();
      byId('job-name')?.focus(); // the button goes away
    });
    return button;
  }, () => {});
}
