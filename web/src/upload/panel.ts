import { size } from '../format';
import { h, setText } from '../ui/h';
import { icon } from '../ui/icons';
import { addFiles, chooseVisibility, uploadAdded, uploadLimits } from './manager';
import { resumeList } from './resume-list';
import { uploadRow } from './row';

export interface UploadPanel {
  element: HTMLElement;
  /** Opens the browser's file dialog. */
  choose: () => void;
}

/** The drop zone and the uploads. Made once: it outlives the pages, and so do its uploads. */
export function uploadPanel(): UploadPanel {
  const input = h('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    'aria-label': 'Video files',
    'data-testid': 'file-input',
    onchange: () => {
      const files = [...(input.files ?? [])];
      // Choosing the same file once more has to be a change again.
      input.value = '';
      void addFiles(files);
    },
  });
  const choose = () => input.click();
  const isPrivate = h('input', {
    type: 'checkbox',
    'data-testid': 'upload-private',
    onchange: () => chooseVisibility(isPrivate.checked ? 'private' : 'public'),
  });
  const hint = h('p', { class: 'drop-hint' }, 'Video files of any length');
  const list = h('ul', { class: 'upload-list', 'aria-label': 'Uploads' });
  const element = h(
    'section',
    { class: 'upload', 'aria-labelledby': 'upload-title' },
    h('h1', { id: 'upload-title', tabindex: '-1' }, 'Upload videos'),
    h(
      'div',
      { class: 'drop-zone', 'data-testid': 'drop-zone' },
      h('span', { class: 'drop-icon' }, icon('upload')),
      h('p', { class: 'drop-title' }, 'Drop videos here'),
      hint,
      h(
        'button',
        {
          type: 'button',
          class: 'button primary',
          'aria-describedby': 'drop-hint',
          onclick: choose,
        },
        'Choose files',
      ),
      h(
        'label',
        { class: 'drop-private' },
        isPrivate,
        'Private: only those with a link that you create can watch',
      ),
      input,
    ),
    resumeList(choose),
    list,
  );
  hint.id = 'drop-hint';
  uploadAdded.on((upload) => list.prepend(uploadRow(upload)));
  uploadLimits().then(
    ({ accepted, max_upload_bytes: most, default_visibility: visibility }) => {
      isPrivate.checked = visibility === 'private';
      const extensions = accepted.map((entry) => entry.extension.toLowerCase());
      input.accept = [
        'video/*',
        'audio/*',
        ...extensions.map((extension) => `.${extension}`),
      ].join();
      const some = extensions.slice(0, 4).map((extension) => extension.toUpperCase());
      setText(hint, `${some.join(', ')} and more, up to ${size(most)} each`);
    },
    // Reported when files are added; until then nobody misses it.
    () => {},
  );
  return { element, choose };
}
