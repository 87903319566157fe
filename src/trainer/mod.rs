//! One trial: fine-tunes BERT on a task and says how well it went.
//!
//! In reading order: what was asked for (`parameters`, `class_weights`, `schedule`, `config`) and where (`device`, `cuda_driver`);
//! what is learned (`example`, `task`, `tasks`): GLUE (`glue`, `glue_file`, `measures`) and SQuAD (`squad`, `squad_file`, `squad_set`, `span_search`, `text_match`); what it is given
//! (`family`, `bert_config` with `config_json`, `word_list` and `byte_pairs` with `tokenizer_config`, `tokens`, `batches`, `packed`, `set_summary`, `data`, `checkpoint_check`, `checkpoint_files` with
//! `safetensors_file`, `torch_file`, `torch_zip`, `pickle`, `pickle_objects` and `stored_tensor`, `lfs`); the arithmetic (`layout`, `setting`,
//! `new_head`, `weights`, `bert`, `attention`, `dropout`,
//! `dispatcher`, `optimizer`, `model`); the run (`prepare`, `curve`, `scores`, `checksum`, `tensor_bytes`, `state_file`, `resume`, `stop`, `feed`, `update`, `readings`, `fit`); the model that
//! it hands over (`kept_model`, `export`, `model_files`, `model_card`, `model_folder`) and that answers later (`finished`, `evaluate`, `inputs`,
//! `predict`); and what is said about it (`endpoint`, `page_server`, `log`,
//! `report`, `excerpt`, `failure`, `allocator`, `threads`). Only this module names `tch`, and it knows nothing of the rest of the crate.
//!
//! The program ends with one of these codes:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | trained and reported |
//! | 3 | the loss or the gradient is not a number: the trial diverged |
//! | 4 | no memory left, on the host or on the device |
//! | 42 | a flag, an environment variable or a parameter is wrong |
//! | 43 | the checkpoint folder: file missing, other architecture, tensor missing or of the wrong shape |
//! | 44 | the data: folder or file missing or empty, wrong columns, label outside the set |
//! | 45 | the vocabulary: unreadable, or a token beyond the embedding table |
//! | 46 | the output: folder not writable, no space left |
//! | 47 | the metrics port is taken |
//! | 48 | the device is not there or can't be used |
//! | 70 | a fault of the trainer itself |
//! | 143 | told to stop by SIGTERM or SIGINT; the state was saved if there is a folder for it |

mod allocator;
mod attention;
pub mod batches;
mod bert;
pub mod bert_config;
mod byte_pairs;
mod checkpoint_check;
pub mod checkpoint_files;
mod checksum;
mod class_weights;
pub mod config;
mod config_json;
mod cuda_driver;
mod curve;
mod data;
pub mod device;
mod dispatcher;
mod dropout;
mod endpoint;
mod evaluate;
pub mod example;
mod excerpt;
mod export;
mod failure;
mod family;
mod feed;
mod finished;
mod fit;
mod glue;
mod glue_file;
pub mod inputs;
mod kept_model;
pub mod layout;
mod lfs;
mod log;
mod measures;
pub mod model;
mod model_card;
mod model_files;
mod model_folder;
mod new_head;
mod optimizer;
pub mod packed;
mod page_server;
mod parameters;
mod pickle;
mod pickle_objects;
mod predict;
mod prepare;
mod program;
pub mod random;
mod readings;
mod report;
mod resume;
mod safetensors_file;
pub mod schedule;
mod scores;
mod set_summary;
pub mod setting;
mod span_search;
mod squad;
mod squad_file;
mod squad_set;
mod state_file;
mod stop;
mod stored_tensor;
pub mod task;
pub mod tasks;
mod tensor_bytes;
mod text_match;
mod threads;
mod tokenizer_config;
pub mod tokens;
mod torch_file;
mod torch_zip;
mod update;
pub mod weights;
mod word_list;

pub use allocator::Allocator;
pub use failure::{Failure, Result};
pub use program::main;
