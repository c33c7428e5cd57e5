import type { Limits } from '../api';
import { size } from '../format';

export type Checked = { contentType: string } | { refused: string };

type Named = Pick<File, 'name' | 'size' | 'type'>;

/**
 * Decides about a file before a byte of it moves. The upload is signed for one content type:
 * browsers know few video types, so what a browser says only counts if the server accepts it.
 */
export function check(file: Named, limits: Limits): Checked {
  const extension = extensionOf(file.name);
  const accepted = limits.accepted.find((entry) => entry.extension.toLowerCase() === extension);
  const fallback = accepted?.content_types[0];
  if (!accepted || fallback === undefined) {
    const names = limits.accepted.map((entry) => entry.extension).join(', ');
    return { refused: `This type of file is not accepted. Choose one of: ${names}.` };
  }
  if (file.size === 0) {
    return { refused: 'The file is empty. Choose another one.' };
  }
  if (file.size > limits.max_upload_bytes) {
    const most = size(limits.max_upload_bytes);
    return {
      refused: `It has ${size(file.size)}; at most ${most} are accepted. Choose a smaller file.`,
    };
  }
  return { contentType: accepted.content_types.includes(file.type) ? file.type : fallback };
}

/** In lower case, without the dot; empty if there is none. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}
