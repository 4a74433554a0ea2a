/**
 * Imported where nothing shall be loaded later: by the library under Node, Deno and Bun, and by
 * commands that serve (a server goes on while its package is replaced), and where a seed decides
 * the order of events (I11).
 */
import { cowStores } from "../stores/cow/part.ts";
import * as stores from "../stores/cow/stores.ts";
import { treeTools } from "../stores/tree/part.ts";
import * as tools from "../stores/tree/tools.ts";
import { seldom } from "./part.ts";
import * as work from "./seldom.ts";

cowStores.give(stores);
seldom.give(work);
treeTools.give(tools);
