/** `message STORE MESSAGE`: what `dmsetup message` sent to the origin target of 2009. */
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import { type Message, parseMessage } from "../volume/life/message.ts";
import { addStoreCommand, addSyncOption, addWhenFullOptions } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice } from "./output.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  syncSnapshots?: number[];
}

export function addMessage(program: Command): void {
  const what = 'a message of 2009: "create", "create_subsnap ID" or "delete ID"';
  addWhenFullOptions(addSyncOption(addStoreCommand(program, "message", what)))
    .argument("<store>", "store file", parsePath)
    .argument("<message...>", "create, create_subsnap ID or delete ID, in one word or several")
    .addHelpText(
      "after",
      "\ncreate and create_subsnap print the id of the new snapshot, which is its name, too." +
        "\nIt is of the instant of the message, between two writes: nothing has to be suspended.",
    )
    .action(async (store: string, words: string[], options: Options, command: Command) => {
      const text = words.join(" ");
      const { verb } = checkMessage(text, command);
      const id = await withVolume(store, options, (volume) => volume.message(text));
      if (verb === "delete") await notice(options, { id }, `deleted snapshot ${id}`);
      else await answer(options, { id }, String(id));
    });
}

/** What is no message is wrong usage. */
function checkMessage(text: string, command: Command): Message {
  try {
    return parseMessage(text);
  } catch (error) {
    if (error instanceof MultisnapError) command.error(`error: ${error.message}`);
    throw error;
  }
}
