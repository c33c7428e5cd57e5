import { size } from '../format';
import type { Limits } from '../schema';

export type Checked = { contentType: string } | { refused: string };

type Named = Pick<File, 'name' | 'size'>;

/**
 * Decides about a file before a byte of it moves. It is stored with the type that the server has
 * for its extension, whatever the browser takes it for.
 */
export function check(file: Named, limits: Limits): Checked {
  const extension = extensionOf(file.name);
  const accepted = limits.accepted.find((entry) => entry.extension.toLowerCase() === extension);
  const contentType = accepted?.content_types[0];
  if (contentType === undefined) {
    const names = limits.accepted.map((entry) => entry.extension).join(', ');
    return { refused: `This file type is not supported. Supported types: ${names}.` };
  }
  if (file.size === 0) {
    return { refused: 'The file is empty. Choose another one.' };
  }
  if (file.size > limits.max_upload_bytes) {
    const most = size(limits.max_upload_bytes);
    return {
      refused: `The file is too large: ${size(file.size)}. The limit is ${most}.`,
    };
  }
  return { contentType };
}

/** In lower case, without the dot; empty if there is none. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}
