import { expect, test } from 'vitest';

import { languageInName, languageName, suggestedLanguages } from './language';

test.each([
  ['film.de.srt', 'de'],
  ['film.pt-br.vtt', 'pt-BR'],
  ['Film_zh-Hans.srt', 'zh-Hans'],
  ['film.es-419.srt', 'es-419'],
  ['film.ger.srt', 'de'],
  ['film.srt', ''],
  ['film.qq.srt', ''],
  ['de.srt', ''],
  ['film.forced.srt', ''],
  ['', ''],
])('the language in %o is %o', (name, tag) => {
  expect(languageInName(name)).toBe(tag);
});

test('languages have the names that their readers know', () => {
  expect(languageName('de', ['en'])).toBe('German');
  expect(languageName('de', ['fr'])).toBe('allemand');
  expect(languageName('und', ['en'])).toBe('Unknown language');
  expect(languageName('?', ['en'])).toBe('?');
  for (const tag of suggestedLanguages()) expect(languageName(tag, ['en'])).not.toBe(tag);
});
