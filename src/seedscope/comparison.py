def compare_study(x):
    print("compare", x)
