"""Compare runs: statistics in the terminal, in MLflow and on a page.

python src/compare.py study=latest
python src/compare.py a=init b=shuffle
"""

from seedscope.commands.compare import main

if __name__ == "__main__":
    main()
