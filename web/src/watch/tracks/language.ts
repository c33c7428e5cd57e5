/** Languages as people see them, and as a file's name tells them. */

/** Those that are suggested; any other BCP 47 tag can be typed in. */
const SUGGESTED =
  'ar bn cs da de el en en-GB es es-419 fa fi fr he hi hu id it ja ko nb nl pl pt pt-BR ro ru sv th tr uk ur vi zh-Hans zh-Hant';

export const suggestedLanguages = (): string[] => SUGGESTED.split(' ');

/** What the reader calls a language: `German`, `Deutsch` or `allemand` for `de`. */
export function languageName(tag: string, readers: readonly string[]): string {
  if (tag === 'und') return 'Unknown language';
  try {
    return new Intl.DisplayNames([...readers], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** The tag in a name like `film.pt-BR.srt`; empty if there is none. */
export function languageInName(filename: string): string {
  const tag = /[._-]([a-z]{2,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?)\.[a-z]+$/i.exec(
    filename,
  )?.[1];
  if (!tag) return '';
  try {
    // Two letters that are no language's are a part of the name.
    const [canonical = ''] = Intl.getCanonicalLocales(tag);
    const known = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });
    return known.of(canonical) ? canonical : '';
  } catch {
    return '';
  }
}
