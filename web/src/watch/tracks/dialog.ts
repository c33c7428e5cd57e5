import { messageOf } from '../../problem';
import type { TextTrackKind, Track } from '../../schema';
import { h, replaceChildren, setHidden } from '../../ui/h';
import { languageName, suggestedLanguages } from './language';

/** What can be said of a track. */
export interface TrackFields {
  kind: TextTrackKind;
  language: string;
  name: string | null;
  default: boolean;
  forced: boolean;
}

export const KINDS: Record<TextTrackKind, string> = {
  subtitles: 'Subtitles',
  captions: 'Captions',
  chapters: 'Chapters',
};

const KIND_HELP: Record<TextTrackKind, string> = {
  subtitles: 'Subtitles (what is said)',
  captions: 'Captions (what is said and heard)',
  chapters: 'Chapters',
};

interface Question {
  title: string;
  action: string;
  fields: TrackFields;
  /** A file's kind is chosen once. */
  isNew: boolean;
  save: (fields: TrackFields) => Promise<void>;
}

/** Asks what a track is, until that is saved or given up. */
export function trackDialog({ title, action, fields, isNew, save }: Question): void {
  const kind = h(
    'select',
    { id: 'track-kind', 'data-testid': 'track-kind', onchange: () => showForced() },
    ...Object.entries(KIND_HELP).map(([value, words]) =>
      h('option', { value, selected: value === fields.kind }, words),
    ),
  );
  const language = h('input', {
    id: 'track-language',
    'data-testid': 'track-language',
    type: 'text',
    value: fields.language,
    required: true,
    spellcheck: 'false',
    autocapitalize: 'off',
    list: 'track-languages',
    placeholder: 'de, en-GB, pt-BR …',
  });
  const name = h('input', {
    id: 'track-name',
    'data-testid': 'track-name',
    type: 'text',
    value: fields.name ?? '',
    maxlength: 100,
    placeholder: 'The name of the language',
  });
  const isDefault = checkbox('track-default', fields.default);
  const isForced = checkbox('track-forced', fields.forced);
  const forced = choice(isForced, 'Show it even to viewers who want no subtitles');
  const showForced = () => setHidden(forced, kind.value !== 'subtitles');
  showForced();

  const error = h('div', { role: 'alert' });
  const submit = h(
    'button',
    { type: 'submit', class: 'button primary', 'data-testid': 'track-save' },
    action,
  );
  const given = (): TrackFields => ({
    kind: kind.value as TextTrackKind,
    language: language.value.trim(),
    name: name.value.trim() || null,
    default: isDefault.checked,
    forced: isForced.checked && kind.value === 'subtitles',
  });
  const onsubmit = async (event: Event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await save(given());
      dialog.close();
    } catch (why) {
      submit.disabled = false;
      replaceChildren(error, h('p', { class: 'field-error' }, messageOf(why)));
    }
  };
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'track-title', 'data-testid': 'track-dialog' },
    h(
      'form',
      { onsubmit: (event: Event) => void onsubmit(event) },
      h('h2', { id: 'track-title' }, title),
      isNew && h('label', { for: 'track-kind' }, 'What it is'),
      isNew && kind,
      h('label', { for: 'track-language' }, 'Language'),
      language,
      h(
        'datalist',
        { id: 'track-languages' },
        ...suggestedLanguages().map((tag) =>
          h('option', { value: tag }, languageName(tag, navigator.languages)),
        ),
      ),
      h('label', { for: 'track-name' }, 'Name in players’ menus (optional)'),
      name,
      choice(isDefault, 'Show it unless the viewer wants another'),
      forced,
      error,
      h(
        'div',
        { class: 'dialog-actions' },
        h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel'),
        submit,
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  language.focus();
}

export const fieldsOf = (track: Track): TrackFields => ({
  kind: track.kind,
  language: track.language,
  name: track.name,
  default: track.default,
  forced: track.forced,
});

const checkbox = (id: string, checked: boolean) =>
  h('input', { id, type: 'checkbox', checked, 'data-testid': id });

const choice = (input: HTMLInputElement, words: string) =>
  h('label', { class: 'choice', for: input.id }, input, words);
