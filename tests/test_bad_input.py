"""Malformed command lines: one clear line each, with the key and what to do."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from composing import ROOT

LONGEST = 400  # characters of a line that is still clear
TRAIN = [
    ("loop.epoch=3", "loop.epoch: there is no such key; did you mean loop.epoc"),
    ("epochs=3", "epochs: there is no such key; did you mean loop.epochs?"),
    ("loop.epochs=abc", "loop.epochs: Value 'abc' of type 'str' could not be conv"),
    ("loop.epochs=0", "loop.epochs=0 must be 1 or more"),
    ("loop.epochs=-1", "loop.epochs=-1 must be 1 or more"),
    ("loop.epochs=1e20", "loop.epochs: Value '1e+20' of type 'float' could not be "),
    ("loop.epochs=2.5", "loop.epochs: Value '2.5' of type 'float' could not be co"),
    ("loop.epochs=null", "loop.epochs: Incompatible value 'None' for field of type"),
    ("loop.epochs=[1,2]", "loop.epochs: Value '[1, 2]' of type 'ListConfig' could n"),
    ("loop.epochs={a:1}", "loop.epochs: Value '{'a': 1}' of type 'DictConfig' could"),
    ("loop.epochs=", "loop.epochs: Value '' of type 'str' could not be convert"),
    ("loop.batch_size=0", "loop.batch_size=0 must be 1 or more"),
    ("loop.batch_size=-3", "loop.batch_size=-3 must be 1 or more"),
    (
        "loop.batch_size=many",
        "loop.batch_size: Value 'many' of type 'str' could not be",
    ),
    (
        "loop.batch_size=1e20",
        "loop.batch_size: Value '1e+20' of type 'float' could not",
    ),
    ("loop.batchsize=8", "loop.batchsize: there is no such key; did you mean loop."),
    ("loop.name=fitt", "loop.name='fitt' is unknown"),
    ("loop=fitt", "loop=fitt: there is no such file in conf/loop; did you m"),
    ("loop.shuffle=yes", "loop.shuffle='yes' is unknown"),
    ("loop.shuffle=always", "loop.shuffle='always' is unknown"),
    ("loop.shuffle_buffer=0", "loop.shuffle_buffer=0 must be 1 or more"),
    ("loop.schedule=linear", "loop.schedule='linear' is unknown"),
    ("loop.patience=-1", "loop.patience=-1 must be 0 or more"),
    ("loop.patience=nan", "loop.patience: Value 'nan' of type 'float' could not be "),
    ("loop.loss=nosuch", "loop.loss=nosuch: Keras has no such loss"),
    ("loop.loss=", "loop.loss=: Keras has no such loss"),
    ("loop.loss=3", "loop.loss=3: Keras has no such loss"),
    ("loop.loss=[hubber]", "loop.loss=hubber: Keras has no such loss"),
    ("loop.metrics=accuracy", "loop.metrics=accuracy must be a list: [accuracy]"),
    ("loop.metrics=[nosuch]", "loop.metrics: Keras has no metric 'nosuch'"),
    ("loop.metrics=[3]", "loop.metrics: Keras has no metric '3'"),
    (
        "loop.metrics=[accuracy,accuracy]",
        "loop.metrics names a metric twice: ['accuracy', 'accurac",
    ),
    (
        "loop.drop_remainder=maybe",
        "loop.drop_remainder: Value 'maybe' is not a valid bool (",
    ),
    ("loop.drop_remainder=3", "loop.drop_remainder=3 must be true or false"),
    ("replicates=0", "replicates=0 must be 1 or more"),
    ("replicates=-5", "replicates=-5 must be 1 or more"),
    ("replicates=1e20", "replicates: Value '1e+20' of type 'float' could not be c"),
    ("replicates=abc", "replicates: Value 'abc' of type 'str' could not be conve"),
    ("replicates=null", "replicates: Incompatible value 'None' for field of type "),
    ("replicates=2.5", "replicates: Value '2.5' of type 'float' could not be con"),
    ("replicate=5", "replicate: there is no such key; did you mean replicates"),
    ("Replicates=5", "Replicates: there is no such key; did you mean replicate"),
    ("replicates=99999999999", "replicates=99999999999 must be 1000000 or less"),
    ("root_seed=-1", "root_seed=-1 must be 0 or more"),
    ("root_seed=abc", "root_seed: Value 'abc' of type 'str' could not be conver"),
    ("root_seed=1e30", "root_seed: Value '1e+30' of type 'float' could not be co"),
    (
        "root_seed=99999999999999999999",
        "root_seed=99999999999999999999 must be 92233720368547758",
    ),
    ("root_seed=null", "root_seed: Incompatible value 'None' for field of type '"),
    ("seed=3", "seed: there is no such key; did you mean root_seed?"),
    ("split.test=0", "split.test=0 leaves nothing to score runs on; try 0.2"),
    ("split.test=1", "split.validation=0.15 and split.test=1.0 leave nothing t"),
    ("split.test=0.9", "split.validation=0.15 and split.test=0.9 leave nothing t"),
    ("split.test=-0.1", "split.test=-0.1 must be 0 or more"),
    ("split.test=nan", "split.test=nan must be 0 or more"),
    ("split.test=inf", "split.test=inf must be 0 or more"),
    ("split.test=abc", "split.test: Value 'abc' of type 'str' could not be conve"),
    ("split.validation=-1", "split.validation=-1.0 must be 0 or more"),
    (
        "split.validation=0.9",
        "split.validation=0.9 and split.test=0.2 leave nothing to",
    ),
    ("split.validation=nan", "split.validation=nan must be 0 or more"),
    ("split.label_noise=1.5", "split.label_noise=1.5 is a fraction of 1"),
    ("split.label_noise=-0.1", "split.label_noise=-0.1 must be 0 or more"),
    ("split.label_noise=nan", "split.label_noise=nan must be 0 or more"),
    ("split.method=kfolds", "split.method='kfolds' is unknown"),
    ("split.method=kfold split.folds=1", "split.folds=1 must be 2 or more"),
    ("split.folds=0", "split.folds=0 must be 1 or more"),
    ("split.folds=1e9", "split.folds: Value '1000000000.0' of type 'float' could "),
    ("split.train_size=0", "split.train_size=0 must be 1 or more"),
    ("split.train_size=-5", "split.train_size=-5 must be 1 or more"),
    (
        "split.train_size=abc",
        "split.train_size: Value 'abc' of type 'str' could not be",
    ),
    ("split.tests=0.2", "split.tests: there is no such key; did you mean split.te"),
    ("splits.test=0.2", "splits.test: there is no such key; did you mean split.te"),
    ("factor=initt", "factor=initt: there is no such file in conf/factor; did "),
    ("factor=", "factor=: there is no such file in conf/factor"),
    ("factor=null", "factor=null: this must be the name of a file in conf/"),
    (
        "factor.vary=[weights]",
        "factor.vary: unknown source 'weights'; known: init, shuf",
    ),
    ("factor.vary=[init,init]", "factor.vary names a source twice: ['init', 'init']"),
    ("factor.vary=init", "factor.vary: Invalid value assigned: AnyNode is not a Li"),
    ("factor.vary=3", "factor.vary: Invalid value assigned: AnyNode is not a Li"),
    ("factor.vary=[3]", "factor.vary: unknown source '3'; known: init, shuffle, d"),
    ("factor.vary=null", "factor.vary: field 'factor.vary' is not Optional; null i"),
    ("factor.levels={}", "factor.levels={} changes nothing, since mappings are mer"),
    ("factor.levels=3", "factor.levels: Cannot assign int to Dict[str, Any]; give"),
    ("factor.levels=[1,2]", "Error merging override factor.levels=[1,2]: Cannot merge"),
    (
        "factor=batch_size factor.levels=[]",
        "Error merging override factor.levels=[]: Cannot merge Di",
    ),
    (
        "+factor.levels={loop.batchsize:[1]}",
        "factor.levels.loop.batchsize: there is no setting 'loop.",
    ),
    (
        "+factor.levels={loop.batch_size:8}",
        "factor.levels.loop.batch_size must be a list of values t",
    ),
    (
        "+factor.levels={loop.batch_size:[]}",
        "factor.levels.loop.batch_size must be a list of values t",
    ),
    (
        "+factor.levels={loop.batch_size:[8,x]}",
        "factor.levels: loop.batch_size: Value 'x' of type 'str' c",
    ),
    (
        "+factor.levels={loop.batch_size:[8,8]}",
        "factor.levels: none batch_size:8 is there twice ({'loop.",
    ),
    (
        "+factor.levels={loop.batch_size:[8,-8]}",
        "factor.levels: loop.batch_size=-8 must be 1 or more",
    ),
    (
        "+factor.levels={loop:[fit]}",
        "factor.levels: Merge error: str is not a subclass of Loo",
    ),
    (
        "+factor.levels={replicates:[2,3]}",
        "factor.levels.replicates: replicates is no setting of a ",
    ),
    (
        "+factor.levels={engine.workers:[1,2]}",
        "factor.levels.engine.workers: engine.workers is no setti",
    ),
    (
        "+factor.levels={tracking.uri:[a,b]}",
        "factor.levels.tracking.uri: tracking.uri is no setting o",
    ),
    (
        "+factor.levels={root_seed:[1,2]}",
        "factor.levels.root_seed: root_seed is no setting of a ru",
    ),
    (
        "+factor.levels={split.test:[0.2,1.2]}",
        "factor.levels: split.validation=0.15 and split.test=1.2 ",
    ),
    (
        "+factor.levels={model.hidden:[64,32]}",
        "model.hidden=64 must be a list of whole numbers, such as",
    ),
    (
        "+factor.levels={optimizer.learning_rate:[0.1,fast]}",
        "optimizer.learning_rate=fast must be a number above 0",
    ),
    ("factor.name=", "factor.name= is empty; give a name"),
    ("factor.name=../../x", "factor.name=../../x must be no path: leave out / and \\"),
    ("factor.name=a/b", "factor.name=a/b must be no path: leave out / and \\"),
    (
        "factor.fresh_process=perhaps",
        "factor.fresh_process: Value 'perhaps' is not a valid boo",
    ),
    ("factor.question=[1]", "factor.question: Cannot convert 'ListConfig' to string: "),
    ("factor.nmae=x", "factor.nmae: there is no such key; did you mean factor.n"),
    ("design=varyy", "design=varyy: there is no such file in conf/design; did "),
    ("design.name=cross", "design.name='cross' is unknown"),
    ("design.backgrounds=0", "design.backgrounds=0 must be 1 or more"),
    (
        "design.backgrounds=1e20",
        "design.backgrounds: Value '1e+20' of type 'float' could ",
    ),
    ("design.levels=0", "design.levels=0 must be 1 or more"),
    ("design.levels=-1", "design.levels=-1 must be 1 or more"),
    ("engine=fast", "engine=fast: there is no such file in conf/engine"),
    ("engine.name=fast", "engine.name='fast' is unknown"),
    ("engine.workers=0", "engine.workers=0 must be 1 or more"),
    ("engine.workers=-2", "engine.workers=-2 must be 1 or more"),
    ("engine.workers=1e9", "engine.workers: Value '1000000000.0' of type 'float' cou"),
    ("engine.workers=all", "engine.workers: Value 'all' of type 'str' could not be c"),
    ("engine.group_size=0", "engine.group_size=0 must be 1 or more"),
    (
        "engine.group_size=1e12",
        "engine.group_size: Value '1000000000000.0' of type 'floa",
    ),
    ("engine.keep_weights=all", "engine.keep_weights='all' is unknown"),
    (
        "engine.again=perhaps",
        "engine.again: Value 'perhaps' is not a valid bool (type ",
    ),
    ("engine.checkpoint=-1", "engine.checkpoint=-1.0 must be 0 or more"),
    (
        "engine.checkpoint=often",
        "engine.checkpoint: Value 'often' of type 'str' could n",
    ),
    ("engine.keep_programs=7", "engine.keep_programs=7 must be true or false"),
    ("engine.worker=2", "engine.worker: there is no such key; did you mean engine"),
    ("launcher=cloud", "launcher=cloud: there is no such file in conf/launcher"),
    ("launcher.name=cloud", "launcher.name='cloud' is unknown"),
    ("launcher=ray launcher.cpus=-1", "launcher.cpus=-1.0 must be 0 or more"),
    ("launcher=ray launcher.cpus=nan", "launcher.cpus=nan must be 0 or more"),
    ("launcher=ray launcher.gpus=-1", "launcher.gpus=-1.0 must be 0 or more"),
    (
        "launcher=ray launcher.gpus=two",
        "launcher.gpus: Value 'two' of type 'str' could not be co",
    ),
    ("launcher=ray launcher.retries=-2", "launcher.retries=-2 must be -1 or more"),
    (
        "launcher=ray launcher.retries=1e9",
        "launcher.retries: Value '1000000000.0' of type 'float' c",
    ),
    (
        "launcher=ray launcher.cpu=2",
        "launcher.cpu: there is no such key; did you mean launche",
    ),
    ("runtime.precision=float16", "runtime.precision='float16' is unknown"),
    ("runtime.compilation=xla", "runtime.compilation='xla' is unknown"),
    ("runtime.intra_op_threads=-1", "runtime.intra_op_threads=-1 must be 0 or more"),
    (
        "runtime.intra_op_threads=1e6",
        "runtime.intra_op_threads: Value '1000000.0' of type 'flo",
    ),
    (
        "runtime.inter_op_threads=two",
        "runtime.inter_op_threads: Value 'two' of type 'str' coul",
    ),
    ("runtime.devices=2", "runtime.devices=2 needs runtime.distribution=mirrored"),
    ("runtime.devices=0", "runtime.devices=0 must be 1 or more"),
    (
        "runtime.distribution=mirrored runtime.devices=100000",
        "runtime.devices=100000 must be 256 or less",
    ),
    (
        "runtime.reduction=hierarchical_copy",
        "runtime.reduction=hierarchical_copy needs runtime.distri",
    ),
    (
        "runtime.distribution=parameter_server",
        "runtime.distribution='parameter_server' is unknown",
    ),
    ("runtime.input_pipeline=fast", "runtime.input_pipeline='fast' is unknown"),
    ("runtime.hash_seed=-1", "runtime.hash_seed=-1 must be 0 or more"),
    (
        "runtime.hash_seed=99999999999",
        "runtime.hash_seed=99999999999 must be 4294967295 or less",
    ),
    (
        "runtime.hash_seed=abc",
        "runtime.hash_seed: Value 'abc' of type 'str' could not b",
    ),
    (
        "runtime.onednn=perhaps",
        "runtime.onednn: Value 'perhaps' is not a valid bool (typ",
    ),
    ("runtime.seeding=numpy", "runtime.seeding='numpy' is unknown"),
    (
        "runtime.seeding=keras factor=init",
        "runtime.seeding=keras trains with Keras' own draws, whic",
    ),
    ("runtime.thread=1", "runtime.thread: there is no such key; runtime has intra_"),
    (
        "runtimes.onednn=true",
        "runtimes.onednn: there is no such key; did you mean runt",
    ),
    ("data=mnist", "data=mnist: there is no such file in conf/data; did you "),
    ("data=", "data=: there is no such file in conf/data"),
    ("data=synthetic data.examples=abc", "data.examples=abc must be a whole number"),
    (
        "data=synthetic data.examples=[100]",
        "data.examples=[100] must be a whole number",
    ),
    (
        "data=synthetic data.example=100",
        "data.example: there is no such key; did you mean data.ex",
    ),
    ("data._target_=3", "data._target_ must name a function as package.module.fun"),
    (
        "data._target_=nowhere.load",
        "data._target_=nowhere.load: no module 'nowhere'; put its",
    ),
    ("data._target_=load", "data._target_ must name a function as package.module.fun"),
    (
        "data._target_=seedscope.task.data.datasets.digitss",
        "data._target_=seedscope.task.data.datasets.digitss: seed",
    ),
    ("model=mlpp", "model=mlpp: there is no such file in conf/model; did you"),
    ("model.hidden=64", "model.hidden=64 must be a list of whole numbers, such as"),
    ("model.hidden=abc", "model.hidden=abc must be a list of whole numbers, such a"),
    ("model.hiden=[64]", "model.hiden: there is no such key; did you mean model.hi"),
    (
        "model._target_=nowhere.build",
        "model._target_=nowhere.build: no module 'nowhere'; put i",
    ),
    (
        "model._target_=seedscope.task.models.networks.mlpp",
        "model._target_=seedscope.task.models.networks.mlpp: seed",
    ),
    (
        "model._target_=seedscope.task.models.network.mlp",
        "model._target_=seedscope.task.models.network.mlp: seedsc",
    ),
    ("optimizer=sgdd", "optimizer=sgdd: there is no such file in conf/optimizer;"),
    (
        "optimizer.learning_rate=nan",
        "optimizer.learning_rate=nan must be a finite number",
    ),
    (
        "optimizer.learning_rate=fast",
        "optimizer.learning_rate=fast must be a number above 0",
    ),
    ("optimizer.learning_rate=0", "optimizer.learning_rate=0 must be a number above 0"),
    (
        "optimizer.learning_rate=-0.1",
        "optimizer.learning_rate=-0.1 must be a number above 0",
    ),
    (
        "optimizer.learning_rate=inf",
        "optimizer.learning_rate=inf must be a finite number",
    ),
    ("optimizer.lr=0.1", "optimizer.lr: there is no such key; optimizer"),
    (
        "optimizer._target_=keras.optimizers.Adamm",
        "optimizer._target_=keras.optimizers.Adamm: keras.optimiz",
    ),
    (
        "optimizer._target_=keras.optimizer.Adam",
        "optimizer._target_=keras.optimizer.Adam: keras has no mo",
    ),
    (
        "tracking.uri=nonsense",
        "tracking.uri=nonsense is no store; write sqlite:///<file",
    ),
    (
        "tracking.uri=file:///tmp/x",
        "tracking.uri=file:///tmp/x is no store; write sqlite:///",
    ),
    ("tracking.uri=[a]", "tracking.uri: Cannot convert 'ListConfig' to string: '['"),
    ("tracking.experiment=", "tracking.experiment= is empty; give a name"),
    (
        "tracking.experiment=null",
        "tracking.experiment: Incompatible value 'None' for field",
    ),
    ("tracking.curve_points=0", "tracking.curve_points=0 must be 1 or more"),
    ("tracking.curve_points=-5", "tracking.curve_points=-5 must be 1 or more"),
    (
        "tracking.curve_points=abc",
        "tracking.curve_points: Value 'abc' of type 'str' could n",
    ),
    (
        "tracking.outputs=perhaps",
        "tracking.outputs: Value 'perhaps' is not a valid bool (t",
    ),
    (
        "tracking.url=sqlite:///x.db",
        "tracking.url: there is no such key; did you mean trackin",
    ),
    ("tracking=remote", "tracking=remote: there is no such file in conf/tracking"),
    ("answer.score=nosuch", "answer.score=nosuch is no score of a run"),
    (
        "answer.score=test/acuracy",
        "answer.score=test/acuracy is no score of a run; did you ",
    ),
    ("answer.score=3", "answer.score=3 is no score of a run"),
    (
        "answer.score=[test/loss]",
        "answer.score: Cannot convert 'ListConfig' to string: '['",
    ),
    ("answer.figure=nosuch", "answer.figure=nosuch is no figure"),
    (
        "answer.figures=spreads",
        "answer.figures: there is no such key; did you mean answe",
    ),
    ("name=", "name= is empty; give a name"),
    ("name=latest", "name=latest means the study that ended last; choose anot"),
    ("name=[a]", "name: Cannot convert 'ListConfig' to string: '['a']'; gi"),
    ('name="a\\"b\'c"', "name=a\"b'c: this cannot be read; write key=value, and qu"),
    ("study=digitss", "study=digitss: there is no such file in conf/study; did "),
    ("study=", "study=: there is no such file in conf/study"),
    (
        "study=digits,repeats",
        "study=digits,repeats: several values; add -m to train on",
    ),
    ("better=3", "better=3 must be higher or lower, or say it by score: be"),
    (
        "better={test/accuracy:up}",
        "better.test/accuracy='up' must be higher or lower, as in",
    ),
    ("better=upwards", "better='upwards' must be higher or lower, or say it by s"),
    ("=3", "=3: write key=value, such as loop.epochs=3"),
    ("loop.=3", "loop.=3: write key=value, such as loop.epochs=3"),
    ("loop..epochs=3", "loop..epochs=3: write key=value, such as loop.epochs=3"),
    (".epochs=3", ".epochs=3: write key=value, such as loop.epochs=3"),
    ("loop.epochs", "loop.epochs: write key=value, such as loop.epochs=3"),
    ("factor", "factor: write key=value, such as loop.epochs=3"),
    ("+", "+: write key=value, such as loop.epochs=3"),
    ("~", "~: write key=value, such as loop.epochs=3"),
    ("~loop.epochs", "loop.epochs: Structured config of type `Loop` has missin"),
    ("~loop", "loop.name: Structured config of type `Loop` has missing "),
    ("~nosuch", "nosuch: there is no such key; --cfg job lists them all"),
    ("++loop.epochs=x", "loop.epochs: Value 'x' of type 'str' could not be conver"),
    ("+loop.epochs=3", "Could not append to config. An item is already at 'loop."),
    ("+nosuch=3", "nosuch: Key 'nosuch' not in '_Schema'; leave it out; --c"),
    (
        "loop.epochs=3 loop.epochs=x",
        "loop.epochs: Value 'x' of type 'str' could not be conver",
    ),
    (
        "loop.epochs=${nosuch}",
        "loop.epochs: Interpolation key 'nosuch' not found; leave",
    ),
    (
        "loop.epochs=${loop.epochs}",
        "loop.epochs: Recursive interpolation detected; leave the",
    ),
    (
        "loop.epochs=${oc.env:NO_SUCH_VARIABLE}",
        "loop.epochs: KeyError raised while resolving interpolati",
    ),
    ("model.hidden=[64", "model.hidden=[64: this cannot be read; write key=value, "),
    ("factor.vary=[init", "factor.vary=[init: this cannot be read; write key=value,"),
    ("name='a", "name='a: this cannot be read; write key=value, and quote"),
    ("replicates=2,4", "replicates=2,4: several values; add -m to train one afte"),
    ("factor=init,all", "factor=init,all: several values; add -m to train one aft"),
    ("--replicates", "--replicates needs a value; write replicates=value"),
    ("--nosuch 3", "nosuch: there is no such key; --cfg job lists them all"),
    ("-x", "-x: there is no such flag"),
    (
        "--config-dir /nosuch/folder",
        "--config-dir /nosuch/folder: there is no such folder",
    ),
    ("-m factor=initt,all", "factor=initt: there is no such file in conf/factor; did "),
    ("-m loop.epochs=1,x", "loop.epochs: Value 'x' of type 'str' could not be conver"),
    ("-m replicates=0,2", "replicates=0 must be 1 or more"),
    ("-m factor=", "factor=: there is no such file in conf/factor"),
]
COMPARE = [
    ("level=2", "level=2.0 must be between 0 and 1, e.g. 0.95"),
    ("level=0", "level=0.0 must be between 0 and 1, e.g. 0.95"),
    ("level=1", "level=1.0 must be between 0 and 1, e.g. 0.95"),
    ("level=nan", "level=nan must be between 0 and 1, e.g. 0.95"),
    ("level=abc", "level: Value 'abc' of type 'str' could not be converted "),
    ("levels=0.9", "levels: there is no such key; did you mean level?"),
    ("a=init", "a= needs b=: name the two groups to compare"),
    ("b=init", "b= needs a=: name the two groups to compare"),
    ("a=init b=", "b= is empty; give a name, or leave it out"),
    ("difference=-1 a=x b=y", "difference=-1.0 must be above 0"),
    ("difference=0 a=x b=y", "difference=0.0 must be above 0"),
    (
        "difference=abc a=x b=y",
        "difference: Value 'abc' of type 'str' could not be conve",
    ),
    ("difference=nan a=x b=y", "difference=nan must be above 0"),
    ("table=nowhere.csv", "table=nowhere.csv: there is no such file or folder"),
    ("table=", "table= is empty; give a name, or leave it out"),
    ("score=[acc]", "score= needs table=: the file with that column"),
    ("score=acc", "score: Invalid value assigned: AnyNode is not a ListConf"),
    ("groups=[x]", "groups= needs table=: the file with that column"),
    ("sources=[x]", "sources= needs table= or experiment=: runs of others"),
    ("group_by=[params.x]", "group_by= needs experiment=: the MLflow experiment to se"),
    ("group_by=[x] experiment=e", "group_by: 'x' must be params.<name> or tags.<name>"),
    (
        "group_by=params.x experiment=e",
        "group_by: Invalid value assigned: AnyNode is not a ListC",
    ),
    ("filter=x>1", "filter= needs experiment=: the MLflow experiment to sear"),
    (
        "table=README.md experiment=e",
        "table= and experiment= are two places; name one of them",
    ),
    (
        "claims=nosuch a=x b=y",
        "claims= is decided by the studies; leave a, table, exper",
    ),
    ("metrics=3", "metrics: Invalid value assigned: AnyNode is not a ListCo"),
    ("metric=[x]", "metric: there is no such key; did you mean metrics?"),
    ("experiment=", "experiment= is empty; give a name, or leave it out"),
    ("name=", "name= is empty; give a name, or leave it out"),
    (
        "tracking.uri=nonsense",
        "tracking.uri=nonsense is no store; write sqlite:///<file",
    ),
    ("tracking.url=x", "tracking.url: there is no such key; did you mean trackin"),
    ("nosuch=3", "nosuch: there is no such key; --cfg job lists them all"),
    ("at=middle", "at= needs table= or experiment=: runs of others"),
    ("better=up", "better='up' must be higher or lower, or say it by score:"),
]


def words(line):
    """Return the words of a line; one that a shell would refuse is one word."""
    try:
        return shlex.split(line)
    except ValueError:
        return [line]


LINES = [("train", *row) for row in TRAIN] + [("compare", *row) for row in COMPARE]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return what one process said about all lines, and what it left and imported."""
    folder = tmp_path_factory.mktemp("bad")
    asked = json.dumps([[command, words(line)] for command, line, _ in LINES])
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "bad_input.py")],
        input=asked,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert done.stderr == ""
    found["left"] = sorted(path.name for path in folder.rglob("*"))
    return found


def test_more_than_200_lines_are_tried(answers):
    assert len(answers["said"]) == len(LINES) > 200
    assert len({(command, line) for command, line, _ in LINES}) == len(LINES)


def test_nothing_slow_is_imported_and_nothing_is_left(answers):
    assert answers["imported"] == []
    assert answers["left"] == []


@pytest.mark.parametrize(
    "number", range(len(LINES)), ids=[line for _, line, _ in LINES]
)
def test_a_malformed_line_is_told_in_one_line(answers, number):
    said, (_, line, expected) = answers["said"][number], LINES[number]
    assert said.startswith("error: ")
    assert "\n" not in said
    assert len(said) <= LONGEST
    assert expected in said
    named = [word.partition("=")[0].lstrip("-+~") for word in words(line)]
    assert any(key in said for key in named)


@pytest.mark.parametrize(
    "command",
    [
        "train.py loop.epoch=3",
        "train.py factor=init replicates=1e20",
        "train.py -m factor=initt,all",
        "compare.py a=init",
    ],
)
def test_a_real_command_ends_in_that_line(command, tmp_path):
    script, *given = command.split()
    done = subprocess.run(
        [sys.executable, str(ROOT / "src" / script), *given],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
