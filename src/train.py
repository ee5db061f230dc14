"""Train every run of a factor's arms and log it; `-m` sweeps factors into one study.

python src/train.py factor=shuffle replicates=16
python src/train.py study=digits
"""

from seedscope.commands.train import main

if __name__ == "__main__":
    main()
