/**
 * Bytes of a file that lies beside the code: over `fetch` in a page, from the file system
 * elsewhere. Nothing is imported for that, so a bundle for a page has no trace of it.
 */
export async function readBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol !== "file:") {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} is answered with ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }
  return new Uint8Array(process.getBuiltinModule("node:fs").readFileSync(url));
}
