import { toastError } from '../ui/toast';

/** Takes files that are dropped anywhere on the page. `over` says whether some are held over it. */
export function onDrop(take: (files: File[]) => void, over: (isOver: boolean) => void): void {
  // Each element that the pointer crosses sends an enter and a leave of its own.
  let depth = 0;
  const leave = () => {
    depth = 0;
    over(false);
  };
  document.addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    over(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (hasFiles(event) && --depth <= 0) leave();
  });
  document.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    // Without this, the browser would leave the page and open the file.
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    leave();
    const files = filesOf(event.dataTransfer);
    if (files.length > 0) take(files);
  });
}

const hasFiles = (event: DragEvent): boolean =>
  event.dataTransfer?.types.includes('Files') ?? false;

function filesOf(data: DataTransfer | null): File[] {
  const files: File[] = [];
  for (const item of data?.items ?? []) {
    const file = item.getAsFile();
    if (!file) continue;
    if (item.webkitGetAsEntry()?.isDirectory) {
      toastError(`${file.name} is a folder. Drop the files in it instead.`);
    } else {
      files.push(file);
    }
  }
  return files;
}
