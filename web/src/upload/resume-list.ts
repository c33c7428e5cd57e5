import * as api from '../api';
import { size } from '../format';
import { messageOf } from '../problem';
import { h, replaceChildren } from '../ui/h';
import { toastError } from '../ui/toast';
import { abortUpload } from './abort-upload';
import { resumableUploads, resumeStore, uploadsChanged } from './manager';
import type { ResumableUpload } from './resume-store';

/** The uploads that a reload stopped. A page cannot open a file again by itself: it has to ask. */
export function resumeList(choose: () => void): HTMLElement {
  const list = h('ul', { class: 'interrupted-list' });
  const section = h(
    'section',
    { class: 'interrupted', 'aria-labelledby': 'interrupted-title', hidden: true },
    h('h2', { id: 'interrupted-title' }, 'Interrupted uploads'),
    list,
  );
  let shown = '';

  const discard = async (entry: ResumableUpload) => {
    try {
      await abortUpload(entry, { api, resumeStore });
    } catch (why) {
      toastError(
        `${entry.name} was discarded, but its video could not be deleted. ${messageOf(why)}`,
      );
    }
    await refresh();
  };

  const refresh = async () => {
    const entries = await resumableUploads();
    const ids = entries.map((entry) => entry.videoId).join();
    if (ids === shown) return;
    shown = ids;
    section.hidden = entries.length === 0;
    replaceChildren(list, ...entries.map((entry) => item(entry)));
  };

  const item = (entry: ResumableUpload) =>
    h(
      'li',
      { 'data-testid': 'interrupted' },
      h(
        'p',
        {},
        'Choose ',
        h('strong', {}, entry.name),
        ` (${size(entry.size)}) again to resume. What is already uploaded is not sent again.`,
      ),
      h(
        'div',
        { class: 'interrupted-actions' },
        h(
          'button',
          {
            type: 'button',
            class: 'button small',
            'aria-label': `Choose the file ${entry.name}`,
            onclick: choose,
          },
          'Choose the file',
        ),
        h(
          'button',
          {
            type: 'button',
            class: 'button small',
            'aria-label': `Discard ${entry.name}`,
            onclick: () => void discard(entry),
          },
          'Discard',
        ),
      ),
    );

  uploadsChanged.on(() => void refresh());
  // Other tabs start and finish uploads, too.
  window.addEventListener('storage', () => void refresh());
  window.addEventListener('focus', () => void refresh());
  void refresh();
  return section;
}
