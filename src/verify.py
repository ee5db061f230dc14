"""Tell whether a training repeats, where it parts, what cures it and at what cost.

python src/verify.py script=my_train.py
python src/verify.py model=cnn data=fashion_mnist repeats=30
"""

from seedscope.commands.verify import main

if __name__ == "__main__":
    main()
